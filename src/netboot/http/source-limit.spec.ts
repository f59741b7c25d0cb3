import { expect, it } from 'vitest';
import { SourceLimit } from './source-limit.js';

it('lets a source through as often as it may, and no other pays for it', () => {
  let ms = 0;
  const limit = new SourceLimit(2, { now: () => new Date(ms), sleep: () => Promise.resolve() });
  const allowed = (source: string) => Array.from({ length: 6 }, () => limit.allows(source));
  expect(allowed('a')).toEqual([true, true, true, true, false, false]);
  expect(limit.allows('b')).toBe(true);
  ms = 500;
  expect(limit.allows('a')).toBe(true);
  expect(limit.allows('a')).toBe(false);
});
