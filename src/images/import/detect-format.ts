import type { ImageForm } from '../select-image.js';

/** How a file is packed as a whole. */
export type Packing = 'none' | 'gzip' | 'zstd' | 'xz';
/** What a file is once it is unpacked. */
export type Content = ImageForm | 'qcow2';

/** Enough of a file's beginning for both functions. */
export const MAGIC_BYTES = 34 * 1024;

const PACKINGS: [Packing, readonly number[]][] = [
  ['gzip', [0x1f, 0x8b]], // RFC 1952, 2.3.1
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]], // RFC 8878, 3.1.1
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]], // The .xz file format, 2.1.1.1
];

export function detectPacking(beginning: Buffer): Packing {
  const found = PACKINGS.find(([, magic]) => magic.every((byte, at) => beginning[at] === byte));
  return found?.[0] ?? 'none';
}

/** Null when it is none that can be deployed: an ISO, a kernel, a document. */
export function detectContent(beginning: Buffer): Content | null {
  const has = (text: string, at: number) =>
    beginning.subarray(at, at + text.length).equals(Buffer.from(text, 'latin1'));
  if (has('QFI\xfb', 0)) return 'qcow2'; // QEMU docs/interop/qcow2.txt, "Header"
  if (has('hsqs', 0)) return 'squashfs'; // Squashfs binary format, superblock
  if (has('ustar', 257)) return 'tar'; // POSIX.1-2017 pax, "ustar Interchange Format"
  // A hybrid ISO has a boot sector too, but is an installer's medium and no disk (ECMA-119, 8.1.2).
  if (has('CD001', 32_769)) return null;
  if (beginning[510] === 0x55 && beginning[511] === 0xaa) return 'raw'; // UEFI 2.10, 5.2.1: boot signature
  return null;
}
