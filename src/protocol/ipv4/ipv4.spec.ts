import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressFromBytes,
  addressToBytes,
  findAddress,
  findInterfaceAddress,
  findPrefix,
  formatAddress,
  formatPrefix,
  formatRange,
  isHostAddress,
  lastAddressOf,
  maskOf,
  parseAddress,
  parsePrefix,
  parseRange,
  prefixContains,
  prefixesOverlap,
  rangeContains,
  rangeSize,
  rangesOverlap,
} from './index.js';

const anyAddress = fc.integer({ min: 0, max: 0xffffffff });

describe('addresses', () => {
  it('reads what it writes', () => {
    fc.assert(fc.property(anyAddress, (address) => parseAddress(formatAddress(address)) === address));
    fc.assert(fc.property(anyAddress, (address) => addressFromBytes(addressToBytes(address)) === address));
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.4 ', '-1.2.3.4', '1.2.3.4/8', '0x1.2.3.4'])(
    'refuses %j',
    (text) => {
      expect(findAddress(text)).toBeNull();
      expect(() => parseAddress(text)).toThrow(/cannot read/);
    },
  );

  it('never throws from find', () => {
    fc.assert(
      fc.property(fc.string(), (text) => findAddress(text) === null || formatAddress(findAddress(text) ?? 0) === text),
    );
  });
});

describe('networks', () => {
  it.each([
    [0, '0.0.0.0'],
    [1, '128.0.0.0'],
    [8, '255.0.0.0'],
    [31, '255.255.255.254'],
    [32, '255.255.255.255'],
  ])('has the mask of /%i', (length, mask) => {
    expect(formatAddress(maskOf(length))).toBe(mask);
  });

  it('reads networks, not addresses', () => {
    expect(formatPrefix(parsePrefix('10.99.0.0/24'))).toBe('10.99.0.0/24');
    expect(findPrefix('10.99.0.1/24')).toBeNull();
    expect(() => parsePrefix('10.99.0.1/24')).toThrow(/host bits/);
    for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/024', '/8', '10.0.0.0/']) {
      expect(findPrefix(text)).toBeNull();
    }
  });

  it('reads an interface address', () => {
    expect(findInterfaceAddress('10.99.0.7/24')).toEqual({
      address: parseAddress('10.99.0.7'),
      prefix: parsePrefix('10.99.0.0/24'),
    });
  });

  it('knows its hosts', () => {
    const network = parsePrefix('192.168.1.0/30');
    expect(formatAddress(lastAddressOf(network))).toBe('192.168.1.3');
    const hosts = [0, 1, 2, 3, 4].map((n) => isHostAddress(network, network.network + n));
    expect(hosts).toEqual([false, true, true, false, false]);
    expect(isHostAddress(parsePrefix('192.168.1.0/31'), parseAddress('192.168.1.0'))).toBe(true);
  });

  it('overlaps exactly when one contains the other', () => {
    const anyPrefix = fc
      .tuple(anyAddress, fc.integer({ min: 0, max: 32 }))
      .map(([address, length]) => ({ network: (address & maskOf(length)) >>> 0, length }));
    fc.assert(
      fc.property(anyPrefix, anyPrefix, (a, b) => {
        const contained = prefixContains(a, b.network) || prefixContains(b, a.network);
        expect(prefixesOverlap(a, b)).toBe(contained);
      }),
    );
  });
});

describe('ranges', () => {
  it('reads what it writes', () => {
    expect(formatRange(parseRange('10.0.0.10 - 10.0.0.20'))).toBe('10.0.0.10-10.0.0.20');
    expect(rangeSize(parseRange('10.0.0.10-10.0.0.20'))).toBe(11);
    expect(rangeSize(parseRange('10.0.0.10'))).toBe(1);
  });

  it('refuses what ends before it begins', () => {
    expect(() => parseRange('10.0.0.20-10.0.0.10')).toThrow(/ends before it begins/);
    expect(() => parseRange('10.0.0.1-2-3')).toThrow(/cannot read/);
  });

  it('includes both ends', () => {
    const range = parseRange('10.0.0.10-10.0.0.20');
    expect(rangeContains(range, range.first) && rangeContains(range, range.last)).toBe(true);
    expect(rangeContains(range, range.last + 1)).toBe(false);
    expect(rangesOverlap(range, parseRange('10.0.0.20-10.0.0.30'))).toBe(true);
    expect(rangesOverlap(range, parseRange('10.0.0.21-10.0.0.30'))).toBe(false);
  });
});
