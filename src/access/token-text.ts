import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * The text of a token: `muster_<key>_<secret>`. The key finds the row, the secret proves the bearer; only a hash of the
 * secret is kept. The prefix lets secret scanners find tokens that were committed by mistake.
 */
const TOKEN = /^muster_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const KEY_BYTES = 8;
const SECRET_BYTES = 32;

export type RandomBytes = (size: number) => Buffer;

export interface MintedToken {
  text: string;
  key: string;
  secretHash: string;
}

export function mintToken(random: RandomBytes): MintedToken {
  const key = random(KEY_BYTES).toString('hex');
  const secret = random(SECRET_BYTES).toString('base64url');
  return { text: `muster_${key}_${secret}`, key, secretHash: hashSecret(secret) };
}

/** The two parts of a token, or null where the text is none. */
export function parseToken(text: string): { key: string; secret: string } | null {
  const match = TOKEN.exec(text);
  return match?.[1] === undefined || match[2] === undefined ? null : { key: match[1], secret: match[2] };
}

/** SHA-256 in hex. The secret has 256 random bits, so neither salt nor stretching would add anything. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Compares in constant time, whatever the lengths. */
export function secretFits(secret: string, secretHash: string): boolean {
  const given = Buffer.from(hashSecret(secret), 'hex');
  const kept = Buffer.from(secretHash, 'hex');
  return given.length === kept.length && timingSafeEqual(given, kept);
}
