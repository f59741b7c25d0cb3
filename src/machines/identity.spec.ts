import { describe, expect, it } from 'vitest';
import { sameUuid, swapped, usableMac, usableUuid } from './identity.js';

describe('SMBIOS UUIDs', () => {
  it('are written in one form', () => {
    expect(usableUuid('4C4C4544-0042-3510-8050-B7C04F383532')).toBe('4c4c4544-0042-3510-8050-b7c04f383532');
    expect(usableUuid('4c4c454400423510 8050b7c04f383532')).toBe('4c4c4544-0042-3510-8050-b7c04f383532');
  });

  it('are the same machine with the first fields in either byte order', () => {
    expect(swapped('4c4c4544-0042-3510-8050-b7c04f383532')).toBe('44454c4c-4200-1035-8050-b7c04f383532');
    expect(sameUuid('44454c4c-4200-1035-8050-b7c04f383532', '4c4c4544-0042-3510-8050-b7c04f383532')).toBe(true);
  });

  it.each([
    '00000000-0000-0000-0000-000000000000',
    'FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF',
    '03000200-0400-0500-0006-000700080009',
    '00020003-0004-0005-0006-000700080009',
    'Not Settable',
    '',
    null,
  ])('say nothing when vendors repeat them: %s', (uuid) => {
    expect(usableUuid(uuid)).toBeNull();
  });
});

describe('MAC addresses', () => {
  it('are written in one form', () => {
    expect(usableMac('52-54-00-AA-BB-01')).toBe('52:54:00:aa:bb:01');
    expect(usableMac('525400aabb01')).toBe('52:54:00:aa:bb:01');
  });

  it.each(['', '52:54:00', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '52:54:00:aa:bb:0g', '../../etc/passwd'])(
    'are refused: %s',
    (mac) => {
      expect(usableMac(mac)).toBeNull();
    },
  );
});
