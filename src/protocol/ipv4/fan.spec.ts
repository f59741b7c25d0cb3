import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkFan,
  fanBridgeAddress,
  fanHostOf,
  fanSlice,
  formatAddress,
  formatPrefix,
  parseAddress,
  parsePrefix,
} from './index.js';

const fan = (underlay: string, overlay: string) => ({ underlay: parsePrefix(underlay), overlay: parsePrefix(overlay) });

describe('fan', () => {
  it.each([
    ['172.16.0.0/16', '250.0.0.0/8', '172.16.3.4', '250.3.4.0/24', '250.3.4.1'],
    ['10.0.7.0/24', '240.0.0.0/8', '10.0.7.9', '240.9.0.0/16', '240.9.0.1'],
    ['192.168.0.0/16', '248.0.0.0/5', '192.168.1.2', '248.8.16.0/21', '248.8.16.1'],
    ['10.1.2.0/30', '240.0.0.0/8', '10.1.2.2', '240.128.0.0/10', '240.128.0.1'],
  ])('over %s with %s gives %s the slice %s', (underlay, overlay, host, slice, bridge) => {
    const it = fan(underlay, overlay);
    expect(formatPrefix(fanSlice(it, parseAddress(host)))).toBe(slice);
    expect(formatAddress(fanBridgeAddress(it, parseAddress(host)))).toBe(bridge);
    expect(formatAddress(fanHostOf(it, parseAddress(bridge)))).toBe(host);
  });

  it('finds the host of every address in its slice, for any fan', () => {
    const anyFan = fc
      .tuple(
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
      )
      .filter(([o, u]) => o < u && o + 32 - u <= 30 && o >= 1);
    fc.assert(
      fc.property(anyFan, fc.double({ min: 0, max: 0.999, noNaN: true }), ([o, u, which], where) => {
        const it = { underlay: { network: 0, length: u }, overlay: { network: 0x80000000, length: o } };
        const host = 1 + Math.floor(which * (2 ** (32 - u) - 2));
        const slice = fanSlice(it, host);
        const inside = slice.network + Math.floor(where * 2 ** (32 - slice.length));
        expect(fanHostOf(it, inside)).toBe(host);
      }),
    );
  });

  it.each([
    ['10.0.0.0/8', '10.0.0.0/7', /overlap/],
    ['172.0.0.0/8', '250.0.0.0/8', /length 8 must be shorter than the underlay's 8/],
    ['172.0.0.0/10', '250.0.0.0/9', /would be a \/31, longer than \/30/],
  ])('refuses underlay %s with overlay %s', (underlay, overlay, message) => {
    expect(() => checkFan(fan(underlay, overlay))).toThrow(message);
  });

  it.each([
    ['172.16.0.0', /the underlay's network/],
    ['172.16.255.255', /the underlay's broadcast/],
    ['172.17.0.1', /outside the underlay/],
  ])('refuses the host %s', (host, message) => {
    expect(() => fanSlice(fan('172.16.0.0/16', '250.0.0.0/8'), parseAddress(host))).toThrow(message);
  });

  it('refuses overlay addresses that no host owns', () => {
    const it = fan('172.16.0.0/16', '250.0.0.0/8');
    expect(() => fanHostOf(it, parseAddress('251.0.0.1'))).toThrow(/outside the overlay/);
    expect(() => fanHostOf(it, parseAddress('250.255.255.9'))).toThrow(/broadcast address 172.16.255.255/);
    expect(() => fanHostOf(it, parseAddress('250.0.0.9'))).toThrow(/network address 172.16.0.0/);
  });
});
