import { MusterError } from '../../error.js';

/** An IPv4 address as an unsigned 32-bit number in host order: 10.99.0.1 is 0x0a630001. */
export type Ipv4 = number;

const DOTTED = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Four decimal numbers without leading zeros; anything else gives null. */
export function findAddress(text: string): Ipv4 | null {
  const parts = DOTTED.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return null;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

/** Like {@link findAddress}, but throws (`invalid`). */
export function parseAddress(text: string): Ipv4 {
  const address = findAddress(text);
  if (address !== null) return address;
  throw new MusterError('invalid', `cannot read "${text}" as an IPv4 address`, {
    hint: 'Write four numbers from 0 to 255 with dots between: 10.0.0.1',
  });
}

export function formatAddress(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** Reads four bytes in network order. */
export function addressFromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  const at = (index: number) => bytes[offset + index] ?? 0;
  return ((at(0) << 24) | (at(1) << 16) | (at(2) << 8) | at(3)) >>> 0;
}

/** Four bytes in network order. */
export function addressToBytes(address: Ipv4): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(address);
  return bytes;
}
