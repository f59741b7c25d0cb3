import { expect, it } from 'vitest';
import { RateLimit } from './rate-limit.js';

it('allows a burst, then the rate, per source', () => {
  let now = 0;
  const limit = new RateLimit(2, 10, () => now);
  expect([1, 2, 3].map(() => limit.allows('a'))).toEqual([true, true, false]);
  expect(limit.allows('b')).toBe(true);
  now = 500;
  expect([1, 2].map(() => limit.allows('a'))).toEqual([true, false]);
  now = 60_000;
  expect([1, 2, 3].map(() => limit.allows('a'))).toEqual([true, true, false]);
});

it('forgets the oldest source rather than grow', () => {
  const limit = new RateLimit(1, 2, () => 0);
  for (const source of ['a', 'b', 'c']) limit.allows(source);
  expect([limit.allows('c'), limit.allows('a')]).toEqual([false, true]);
});
