import { describe, expect, it } from 'vitest';
import { cronProblem, nextTimes } from './cron-times.js';

const LONDON = 'Europe/London';
const times = (cron: string, zone: string, after: string, count = 3) =>
  nextTimes(cron, zone, new Date(after), count).map((time) => time.toISOString().replace(':00.000Z', 'Z'));

describe('the next times of a cron line', () => {
  it('keep the hour of the wall clock over both changes', () => {
    expect(times('0 3 * * 0', LONDON, '2026-03-21T00:00:00Z')).toEqual([
      '2026-03-22T03:00Z',
      '2026-03-29T02:00Z',
      '2026-04-05T02:00Z',
    ]);
    expect(times('0 3 * * 0', LONDON, '2026-10-18T00:00:00Z')).toEqual([
      '2026-10-18T02:00Z',
      '2026-10-25T03:00Z',
      '2026-11-01T03:00Z',
    ]);
  });

  it('come at the end of the gap where the clocks skip them', () => {
    expect(times('30 1 * * *', LONDON, '2026-03-28T12:00:00Z', 2)).toEqual(['2026-03-29T01:00Z', '2026-03-30T00:30Z']);
  });

  it('come once where the clocks show them twice', () => {
    expect(times('30 1 * * *', LONDON, '2026-10-24T12:00:00Z', 2)).toEqual(['2026-10-25T00:30Z', '2026-10-26T01:30Z']);
    expect(times('30 1 * * *', LONDON, '2026-10-25T00:30:00Z', 1)).toEqual(['2026-10-26T01:30Z']);
    expect(times('30 1 * * *', LONDON, '2026-10-25T01:10:00Z', 1)).toEqual(['2026-10-26T01:30Z']);
  });

  it('go by elapsed time where they are steps', () => {
    expect(times('*/30 * * * *', LONDON, '2026-10-25T00:00:00Z', 4)).toEqual([
      ...['2026-10-25T00:30Z', '2026-10-25T01:00Z', '2026-10-25T01:30Z', '2026-10-25T02:00Z'],
    ]);
  });

  it('know leap days', () => {
    expect(times('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00Z', '2032-02-29T00:00Z']);
  });
});

it.each([
  ['0 3 * * 0', LONDON, null],
  ['@daily', LONDON, null],
  ['0 0 30 2 *', 'UTC', /never comes/],
  ['61 0 * * *', 'UTC', /minute/],
  ['* * * * * *', 'UTC', /5/],
  ['', 'UTC', /wrong cron line/],
  ['0 3 * * 0', 'Europe/Londn', /unknown time zone "Europe\/Londn"/],
])('%j in %s is told to be wrong or not', (cron, zone, problem) => {
  if (problem === null) expect(cronProblem(cron, zone)).toBe(null);
  else expect(cronProblem(cron, zone)).toMatch(problem);
});
