import { expect, it } from 'vitest';
import { formatSeconds, runStages, type Stage, timeLeft } from './stages.js';

const nothing = () => Promise.resolve();
const stages: Stage[] = [
  { name: 'server', expectedSeconds: 10, run: nothing },
  { name: 'images', expectedSeconds: 100, run: nothing },
];

it('adds up what is expected, with what this computer took before', () => {
  expect(timeLeft(stages, 4, {})).toBe('about 1 min 46 s left in all');
  expect(timeLeft(stages, 4, { images: 20 })).toBe('about 26 s left in all');
  const ofBundle = [{ ...stages[1]!, of: 'lxd-fan' }];
  expect(timeLeft(ofBundle, 0, { images: 20, 'images lxd-fan': 30 })).toBe('about 30 s left in all');
});

it('says so when a stage takes longer than expected', () => {
  expect(timeLeft(stages, 11, {})).toBe('takes longer than expected; after it about 1 min 40 s');
  expect(timeLeft(stages.slice(-1), 101, {})).toBe('takes longer than expected');
});

it('tells where it is, and stops at the first stage that fails', async () => {
  const lines: string[] = [];
  let nowMs = 0;
  const options = {
    known: {},
    write: (line: string) => lines.push(line),
    nowMs: () => (nowMs += 1000),
    everyMs: 60_000,
  };
  const failing: Stage = { name: 'up', expectedSeconds: 1, run: () => Promise.reject(new Error('cannot')) };
  const never: Stage = { name: 'never', expectedSeconds: 1, run: () => Promise.reject(new Error('ran')) };
  await expect(runStages([stages[0]!, failing, never], options)).rejects.toThrow('cannot');
  expect(lines[0]).toMatch(/^\[1\/3\] server: about \d+ s left in all$/);
  expect(lines[1]).toMatch(/^\[1\/3\] server: done in \d s$/);
  expect(lines).toHaveLength(3);
});

it('leaves it to a stage that tells its own time', async () => {
  const lines: string[] = [];
  const options = { known: {}, write: (line: string) => lines.push(line), nowMs: () => 0, everyMs: 5 };
  const run = () => new Promise<void>((resolve) => setTimeout(resolve, 60));
  const stage: Stage = { name: 'bundle', expectedSeconds: 1, run };
  await runStages([{ ...stage, tellsTime: true }], options);
  expect(lines).toHaveLength(2);
  await runStages([stage], options);
  expect(lines.length).toBeGreaterThan(5);
});

it('writes minutes as people do', () => {
  expect([0.4, 59.4, 60, 125].map(formatSeconds)).toEqual(['0 s', '59 s', '1 min 0 s', '2 min 5 s']);
});
