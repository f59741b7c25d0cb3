import { expect, it } from 'vitest';
import { step } from '../plan/index.js';
import { estimatePlan } from './estimate-plan.js';

const NOW = new Date(0);
const make = (key: string, lane: string | null, after: string[] = [], kind = 'known') =>
  step({ key, kind, title: key, lane, after });

it('a plan takes as long as its longest chain, its fullest lane, or all of it so many at once', () => {
  const usual = new Map([['known', 10]]);
  const chain = { steps: [make('a', null), make('b', null, ['a']), make('c', null)] };
  expect(estimatePlan(chain, usual, NOW, 50)).toEqual({ seconds: 20, guessed: [] });
  const lane = { steps: [make('a', 'n'), make('b', 'n'), make('c', 'n')] };
  expect(estimatePlan(lane, usual, NOW, 50).seconds).toBe(30);
  const wide = { steps: ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => make(key, null)) };
  expect(estimatePlan(wide, usual, NOW, 2).seconds).toBe(30);
});

it('says which kinds it had to guess, and takes 30 s for each', () => {
  const plan = { steps: [make('a', null, [], 'new'), make('b', null, ['a'])] };
  expect(estimatePlan(plan, new Map([['known', 5]]), NOW, 50)).toEqual({ seconds: 35, guessed: ['new'] });
  expect(estimatePlan({ steps: [] }, new Map(), NOW, 50)).toEqual({ seconds: 0, guessed: [] });
});
