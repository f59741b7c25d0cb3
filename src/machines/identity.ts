/**
 * UUIDs that vendors ship on many boards; they tell machines apart as little as none would.
 */
const REPEATED = new Set([
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '03000200-0400-0500-0006-000700080009',
  '00020003-0004-0005-0006-000700080009',
  '12345678-1234-5678-90ab-cddeefaabbcc',
  'fefefefe-fefe-fefe-fefe-fefefefefefe',
  '11111111-2222-3333-4444-555555555555',
  '01010101-0101-0101-0101-010101010101',
]);

/** Lower case with dashes; null for what is no UUID, and for those that vendors repeat. */
export function usableUuid(text: string | null | undefined): string | null {
  const digits = (text ?? '').toLowerCase().replace(/[^0-9a-f]/g, '');
  if (digits.length !== 32) return null;
  const uuid = [8, 12, 16, 20, 32].map((end, i) => digits.slice([0, 8, 12, 16, 20][i], end)).join('-');
  return REPEATED.has(uuid) || REPEATED.has(swapped(uuid)) ? null : uuid;
}

/**
 * The same UUID with its first three fields in the other byte order. SMBIOS (DSP0134 2.6 on, 7.2.1) stores them little
 * endian, which some firmware, BMCs and PXE ROMs do not follow.
 */
export function swapped(uuid: string): string {
  const [low = '', mid = '', high = '', ...rest] = uuid.split('-');
  return [reverseBytes(low), reverseBytes(mid), reverseBytes(high), ...rest].join('-');
}

function reverseBytes(hex: string): string {
  return (hex.match(/../g) ?? []).reverse().join('');
}

export function sameUuid(a: string, b: string): boolean {
  return a === b || swapped(a) === b;
}

/** Lower case with colons; null for what is no Ethernet address, and for all zeros and broadcast. */
export function usableMac(text: string): string | null {
  const digits = text.toLowerCase().replace(/[:.-]/g, '');
  if (!/^[0-9a-f]{12}$/.test(digits) || /^(0{12}|f{12})$/.test(digits)) return null;
  return (digits.match(/../g) ?? []).join(':');
}
