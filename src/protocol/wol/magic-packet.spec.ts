import { expect, it } from 'vitest';
import { magicPacket } from './magic-packet.js';

it('is six bytes of ff and the MAC sixteen times', () => {
  expect(magicPacket('52:54:00:AB:cd:01').toString('hex')).toBe('ffffffffffff' + '525400abcd01'.repeat(16));
  expect(magicPacket('52-54-00-ab-cd-01')).toHaveLength(102);
});

it('ends with the SecureOn password', () => {
  expect(magicPacket('525400abcd01', '01:02:03:04:05:06').subarray(102).toString('hex')).toBe('010203040506');
});

it.each(['', '52:54:00:ab:cd', '52:54:00:ab:cd:01:02', '52:54-00:ab:cd:01', 'zz:54:00:ab:cd:01'])(
  'refuses %j',
  (mac) => {
    expect(() => magicPacket(mac)).toThrow(/cannot read/);
  },
);
