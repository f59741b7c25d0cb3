import { MusterError } from '../../error.js';
import { findAddress, formatAddress, type Ipv4 } from './address.js';

/** Addresses from `first` to `last`, both included. */
export interface AddressRange {
  first: Ipv4;
  last: Ipv4;
}

/** Reads `10.0.0.10-10.0.0.99`, or one address. Throws (`invalid`). */
export function parseRange(text: string): AddressRange {
  const [from = '', to = from, ...rest] = text.split('-').map((part) => part.trim());
  const first = findAddress(from);
  const last = findAddress(to);
  if (first === null || last === null || rest.length > 0) {
    throw new MusterError('invalid', `cannot read "${text}" as a range of addresses`, {
      hint: 'Write it as 10.0.0.10-10.0.0.99',
    });
  }
  if (first > last) {
    throw new MusterError('invalid', `cannot use the range ${text}: it ends before it begins`, {
      hint: `Write it as ${formatAddress(last)}-${formatAddress(first)}`,
    });
  }
  return { first, last };
}

export function formatRange(range: AddressRange): string {
  return `${formatAddress(range.first)}-${formatAddress(range.last)}`;
}

export function rangeContains(range: AddressRange, address: Ipv4): boolean {
  return range.first <= address && address <= range.last;
}

export function rangesOverlap(a: AddressRange, b: AddressRange): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function rangeSize(range: AddressRange): number {
  return range.last - range.first + 1;
}
