import { describe, expect, it } from 'vitest';
import { bytes, duration, fields, parseDuration, plain, table } from './format.js';

describe('text for people', () => {
  it('has columns without rules', () => {
    expect(
      table(
        ['name', 'state'],
        [
          ['n1', 'ready'],
          ['long-name', null],
        ],
      ),
    ).toBe('NAME       STATE\nn1         ready\nlong-name  -');
    expect(table(['name'], [])).toBe('(none)');
  });

  it('leaves out what is not there', () => {
    expect(
      fields([
        ['name', 'n1'],
        ['note', ''],
        ['zone', null],
      ]),
    ).toBe('name  n1');
  });

  it.each([
    [0, '0s'],
    [59.6, '1m00s'],
    [3700, '1h01m'],
    [90_000, '1d1h'],
  ])('says %s seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));

  it.each([
    [512, '512 B'],
    [1536, '1.5 KiB'],
    [3 * 1024 ** 3, '3.0 GiB'],
  ])('says %s bytes as %s', (count, text) => expect(bytes(count)).toBe(text));

  it('holds no control characters', () => expect(plain('a\u001b[31mb\u0000')).toBe('a\ufffd[31mb\ufffd'));
});

it.each([
  ['90d', 90 * 86_400],
  ['1h30m', 5400],
  ['', null],
  ['5', null],
  ['-1h', null],
])('reads the duration %j as %s', (text, seconds) => expect(parseDuration(text)).toBe(seconds));
