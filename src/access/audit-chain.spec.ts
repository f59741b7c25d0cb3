import { describe, expect, it } from 'vitest';
import { auditValue, firstBrokenEntry, GENESIS_HASH, hashOfEntry, type ChainedEntry } from './audit-chain.js';

function chain(length: number): ChainedEntry[] {
  const entries: ChainedEntry[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const open = {
      sequence,
      at: new Date(1_700_000_000_000 + sequence),
      actor: 'ada',
      tokenId: null,
      action: 'machines.deploy',
      subject: `machine/n${sequence}`,
      outcome: 'done',
      before: { state: 'ready', tags: ['a'] },
      after: { state: 'deploying' },
      source: '127.0.0.1',
      previousHash: entries.at(-1)?.hash ?? GENESIS_HASH,
    };
    entries.push({ ...open, hash: hashOfEntry(open) });
  }
  return entries;
}

describe('the audit chain', () => {
  it('holds where nothing was touched', () => expect(firstBrokenEntry(chain(5))).toBeNull());

  it('does not depend on the order of keys', () => {
    const entries = chain(1).map((entry) => ({ ...entry, before: { tags: ['a'], state: 'ready' } }));
    expect(firstBrokenEntry(entries)).toBeNull();
  });

  it.each([
    ['a changed value', (all: ChainedEntry[]) => all.map((e) => (e.sequence === 3 ? { ...e, actor: 'eve' } : e))],
    ['a removed entry', (all: ChainedEntry[]) => all.filter((e) => e.sequence !== 3)],
    [
      'an entry hashed anew after a change',
      (all: ChainedEntry[]) =>
        all.map((e) => {
          if (e.sequence !== 2) return e;
          const changed = { ...e, subject: 'machine/other' };
          return { ...changed, hash: hashOfEntry(changed) };
        }),
    ],
  ])('shows %s at the third entry', (_what, tamper) => expect(firstBrokenEntry(tamper(chain(5)))).toBe(3));

  it('goes on from where an earlier page ended', () => {
    const [first, ...rest] = chain(4);
    expect(firstBrokenEntry(rest, first)).toBeNull();
    expect(firstBrokenEntry(rest)).toBe(1);
  });
});

describe('an audited value', () => {
  it('has its secrets masked', () => {
    expect(auditValue({ power: { password: 'hunter2', address: '10.0.0.9' }, token: 'x' })).toEqual({
      power: { password: '[masked]', address: '10.0.0.9' },
      token: '[masked]',
    });
  });

  it('holds nothing that Postgres cannot store', () =>
    expect(auditValue(['a\0b', '\ud800'])).toEqual(['a\ufffdb', '\ufffd']));

  it('is kept as a hash where it is large', () => {
    expect(auditValue('x'.repeat(100_000))).toMatchObject({ sizeBytes: 100_002 });
  });
});
