import { describe, expect, it } from 'vitest';
import { pollPause } from './poll-pause.js';

describe('the pause between two questions to a node', () => {
  it('grows from a quarter of a second to three', () => {
    expect([1, 5, 20, 500].map((polls) => Math.round(pollPause(polls, 30)))).toEqual([325, 928, 3000, 3000]);
  });

  it('is longer for a long step of a node that is slow to answer, up to a bound', () => {
    expect([1000, 2000, 60_000].map((statusMs) => pollPause(30, statusMs))).toEqual([5000, 10_000, 15_000]);
  });

  it('is not longer for a short one', () => {
    expect(pollPause(1, 2000)).toBe(pollPause(1, 0));
  });
});
