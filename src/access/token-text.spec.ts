import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { roleAllows } from './principal.js';
import { hashSecret, mintToken, parseToken, secretFits } from './token-text.js';

describe('a token', () => {
  it('has a prefix, a key and a secret, and only a hash of the secret is kept', () => {
    const minted = mintToken(randomBytes);
    const parsed = parseToken(minted.text);
    expect(minted.text.startsWith('muster_')).toBe(true);
    expect(parsed?.key).toBe(minted.key);
    expect(hashSecret(parsed?.secret ?? '')).toBe(minted.secretHash);
    expect(minted.secretHash).not.toContain(parsed?.secret);
  });

  it('fits its own hash and no other', () => {
    const one = mintToken(randomBytes);
    const two = mintToken(randomBytes);
    const secret = parseToken(one.text)?.secret ?? '';
    expect(secretFits(secret, one.secretHash)).toBe(true);
    expect(secretFits(secret, two.secretHash)).toBe(false);
    expect(secretFits(secret, '')).toBe(false);
  });

  it.each(['', 'muster_', 'Bearer x', 'muster_0123456789abcdef_short', `muster_0123456789abcdef_${'a'.repeat(44)}`])(
    'is not read from %j',
    (text) => expect(parseToken(text)).toBeNull(),
  );

  it('is not read from noise', () => {
    for (let round = 0; round < 200; round++) expect(parseToken(randomBytes(80).toString('latin1'))).toBeNull();
  });
});

it('lets an admin do what an operator may, and a viewer only look', () => {
  expect(roleAllows('admin', 'operator')).toBe(true);
  expect(roleAllows('operator', 'admin')).toBe(false);
  expect(roleAllows('viewer', 'operator')).toBe(false);
  expect(roleAllows('viewer', 'viewer')).toBe(true);
});
