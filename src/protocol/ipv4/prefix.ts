import { MusterError } from '../../error.js';
import { findAddress, formatAddress, type Ipv4 } from './address.js';

/** A network: `network` has no bit set beyond `length` (RFC 4632). */
export interface Prefix {
  network: Ipv4;
  length: number;
}

/** 24 gives 255.255.255.0. */
export function maskOf(length: number): Ipv4 {
  return length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
}

/** Reads `10.0.0.0/24`; null for anything else, also where host bits are set. */
export function findPrefix(text: string): Prefix | null {
  const found = findInterfaceAddress(text);
  return found !== null && found.address === found.prefix.network ? found.prefix : null;
}

/** Like {@link findPrefix}, but throws (`invalid`) and says what is wrong. */
export function parsePrefix(text: string): Prefix {
  const found = findInterfaceAddress(text);
  if (found === null) {
    throw new MusterError('invalid', `cannot read "${text}" as an IPv4 network`, { hint: 'Write it as 10.0.0.0/24' });
  }
  if (found.address !== found.prefix.network) {
    const network = formatPrefix(found.prefix);
    throw new MusterError('invalid', `cannot use ${text} as a network: it has host bits set`, {
      hint: `The network is ${network}`,
    });
  }
  return found.prefix;
}

/** Reads an interface's address, `10.0.0.7/24`: the address and the network that it is in. */
export function findInterfaceAddress(text: string): { address: Ipv4; prefix: Prefix } | null {
  const [, dotted = '', digits = ''] = /^([\d.]+)\/(0|[1-9]\d?)$/.exec(text) ?? [];
  const address = findAddress(dotted);
  const length = Number(digits);
  if (address === null || digits === '' || length > 32) return null;
  return { address, prefix: prefixOf(address, length) };
}

/** The network of this length that holds the address. */
export function prefixOf(address: Ipv4, length: number): Prefix {
  return { network: (address & maskOf(length)) >>> 0, length };
}

export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.network)}/${prefix.length}`;
}

export function prefixContains(prefix: Prefix, address: Ipv4): boolean {
  return (address & maskOf(prefix.length)) >>> 0 === prefix.network;
}

export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  const shorter = Math.min(a.length, b.length);
  return prefixOf(a.network, shorter).network === prefixOf(b.network, shorter).network;
}

/** The last address: the directed broadcast address of networks up to /30 (RFC 1122, 3.2.1.3; /31 has none, RFC 3021). */
export function lastAddressOf(prefix: Prefix): Ipv4 {
  return (prefix.network | ~maskOf(prefix.length)) >>> 0;
}

/** Whether a host may have this address: neither the network's nor the broadcast address (RFC 3021 frees both in a /31). */
export function isHostAddress(prefix: Prefix, address: Ipv4): boolean {
  if (!prefixContains(prefix, address)) return false;
  return prefix.length >= 31 || (address !== prefix.network && address !== lastAddressOf(prefix));
}
