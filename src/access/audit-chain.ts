import { createHash } from 'node:crypto';

export type AuditValue = string | number | boolean | null | AuditValue[] | { [key: string]: AuditValue };

/** What the first entry has for its previous hash. */
export const GENESIS_HASH = '0'.repeat(64);

/** Larger values (a whole bundle) are kept as their hash. */
const MAX_VALUE_BYTES = 64 * 1024;
const SECRET_NAMES = /password|passphrase|secret|token|private.?key|authorization|credential|user.?data/i;

export interface ChainedEntry {
  sequence: number;
  at: Date;
  actor: string;
  tokenId: string | null;
  action: string;
  subject: string;
  outcome: string;
  /** JSON, as Postgres gave it. */
  before: unknown;
  after: unknown;
  source: string;
  previousHash: string;
  hash: string;
}

/** The hash of an entry: over its values with keys in order, so that it does not depend on how Postgres stores JSON. */
export function hashOfEntry(entry: Omit<ChainedEntry, 'hash'>): string {
  const { sequence, actor, tokenId, action, subject, outcome, before, after, source, previousHash } = entry;
  const at = entry.at.toISOString();
  const values = [previousHash, sequence, at, actor, tokenId, action, subject, outcome, source];
  return createHash('sha256')
    .update(JSON.stringify([...values, sorted(before as AuditValue), sorted(after as AuditValue)]))
    .digest('hex');
}

/** The sequence number of the first entry that was changed, removed or put in; null: the chain holds. */
export function firstBrokenEntry(
  entries: Iterable<ChainedEntry>,
  start: { sequence: number; hash: string } = { sequence: 0, hash: GENESIS_HASH },
): number | null {
  let { sequence, hash } = start;
  for (const entry of entries) {
    sequence += 1;
    if (entry.sequence !== sequence || entry.previousHash !== hash || hashOfEntry(entry) !== entry.hash)
      return sequence;
    hash = entry.hash;
  }
  return null;
}

/**
 * A value as the audit keeps it: secrets masked by their field's name, what Postgres cannot store (NUL, lone surrogates)
 * replaced, large values as their hash.
 */
export function auditValue(value: unknown): AuditValue {
  if (value === undefined || value === null) return null;
  const clean = cleaned(JSON.parse(JSON.stringify(value)) as AuditValue);
  const text = JSON.stringify(clean);
  if (Buffer.byteLength(text) <= MAX_VALUE_BYTES) return clean;
  return { sha256: createHash('sha256').update(text).digest('hex'), sizeBytes: Buffer.byteLength(text) };
}

export function storableText(text: string): string {
  return Buffer.from(text.replaceAll('\0', '\uFFFD'), 'utf8').toString('utf8');
}

function cleaned(value: AuditValue): AuditValue {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      storableText(key),
      SECRET_NAMES.test(key) && typeof item === 'string' ? '[masked]' : cleaned(item),
    ]),
  );
}

function sorted(value: AuditValue): AuditValue {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]));
}
