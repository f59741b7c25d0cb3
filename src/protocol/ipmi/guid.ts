/**
 * The System GUID of a management controller (IPMI 2.0, section 22.14) should be the machine's SMBIOS UUID, but vendors
 * disagree about the order of its bytes: least significant first as IPMI says, the first three fields swapped as SMBIOS
 * says (DSP0134, section 7.2.1), or as RFC 9562 writes it.
 */

const LENGTH = 16;
/** SMBIOS keeps the first three fields little-endian. */
const SMBIOS_ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
const REVERSED_ORDER = SMBIOS_ORDER.map((_, index) => LENGTH - 1 - index);

/**
 * Reads the 16 bytes as the UUID they most likely are: in the first order that gives a common version, else any. Null when
 * there are not 16 bytes.
 */
export function decodeGuid(bytes: Buffer): string | null {
  if (bytes.length !== LENGTH) return null;
  const candidates = [reorder(bytes, SMBIOS_ORDER), reorder(bytes, REVERSED_ORDER), bytes];
  const likely = candidates.find(isCommonUuid) ?? candidates.find(isUuid) ?? candidates[0] ?? bytes;
  return spell(likely);
}

/** Every way in which a vendor may spell the same UUID, itself first. For comparing; lower case with dashes. */
export function uuidSpellings(uuid: string): string[] {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (bytes.length !== LENGTH) return [uuid.toLowerCase()];
  const swapped = reorder(bytes, SMBIOS_ORDER);
  const all = [bytes, swapped, reorder(bytes, REVERSED_ORDER), reorder(swapped, REVERSED_ORDER)];
  return [...new Set(all.map(spell))];
}

function reorder(bytes: Buffer, order: readonly number[]): Buffer {
  return Buffer.from(order.map((index) => bytes.readUInt8(index)));
}

/** Time-based and random ones are what firmware has; another version is more often a wrong order. */
function isCommonUuid(bytes: Buffer): boolean {
  const version = bytes.readUInt8(6) >> 4;
  return isUuid(bytes) && (version === 1 || version === 4);
}

/** RFC 9562 section 4: version 1 to 8, variant 10. */
function isUuid(bytes: Buffer): boolean {
  const version = bytes.readUInt8(6) >> 4;
  return version >= 1 && version <= 8 && bytes.readUInt8(8) >> 6 === 0b10;
}

function spell(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
