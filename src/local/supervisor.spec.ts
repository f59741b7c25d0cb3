import { expect, it } from 'vitest';
import { splitRoles } from './supervisor.js';

it('gives the boot role a process of its own where privileges are dropped', () => {
  expect(splitRoles(['api', 'boot', 'worker', 'scheduler'], true)).toEqual([['api', 'worker', 'scheduler'], ['boot']]);
  expect(splitRoles(['api', 'boot'], false)).toEqual([['api', 'boot']]);
  expect(splitRoles(['boot'], true)).toEqual([['boot']]);
  expect(splitRoles(['api', 'worker'], true)).toEqual([['api', 'worker']]);
});
