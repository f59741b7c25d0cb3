import { describe, expect, it } from 'vitest';
import { decodeGuid, uuidSpellings } from './guid.js';

const UUID = '4c4c4544-0042-4a10-8058-b4c04f4b3132';
const orders = {
  'the first three fields swapped, as SMBIOS': '44454c4c4200104a8058b4c04f4b3132',
  'least significant byte first, as IPMI': '32314b4fc0b45880104a420044454c4c',
  'in the order it is written': '4c4c454400424a108058b4c04f4b3132',
};

describe('a system GUID', () => {
  it.each(Object.entries(orders))('is read when a vendor sends it with %s', (_, hex) => {
    expect(uuidSpellings(decodeGuid(Buffer.from(hex, 'hex'))!)).toContain(UUID);
  });

  it('is read exactly where version and variant leave one order alone', () => {
    expect(decodeGuid(Buffer.from(orders['least significant byte first, as IPMI'], 'hex'))).toBe(UUID);
  });

  it.each(['', '00', '4c4c454400424a108058b4c04f4b313200'])('is null for %j', (hex) => {
    expect(decodeGuid(Buffer.from(hex, 'hex'))).toBeNull();
  });
});

it('has one spelling where the bytes say the same in every order', () => {
  expect(uuidSpellings('00000000-0000-0000-0000-000000000000')).toHaveLength(1);
  expect(uuidSpellings('not a uuid')).toEqual(['not a uuid']);
});
