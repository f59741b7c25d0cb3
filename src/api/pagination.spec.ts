import { expect, it } from 'vitest';
import { numericCursor, pageOfSorted } from './pagination.js';

it('gives every item once, also when others come and go between pages', () => {
  const first = pageOfSorted(['d', 'b', 'a', 'c'], (item) => item, { limit: 2 });
  expect(first.items).toEqual(['a', 'b']);
  const second = pageOfSorted(['aa', 'c', 'd', 'e'], (item) => item, { limit: 2, cursor: first.next ?? '' });
  expect(second.items).toEqual(['c', 'd']);
  const last = pageOfSorted(['e'], (item) => item, { limit: 2, cursor: second.next ?? '' });
  expect(last).toEqual({ items: ['e'], next: null });
});

it('refuses a cursor that is none', () => {
  expect(() => numericCursor('1; drop')).toThrow(/not a cursor/);
  expect(() => pageOfSorted([], String, { limit: 1, cursor: '%' })).toThrow(/not a cursor/);
});
