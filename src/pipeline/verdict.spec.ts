import { describe, expect, it } from 'vitest';
import { backOffMs } from './back-off.js';
import type { Claim } from './claim.js';
import type { StepOutcome } from './step-handler.js';
import { deadlineOf, decideVerdict } from './verdict.js';

const START = new Date('2030-01-01T00:00:00Z');
const at = (seconds: number) => new Date(START.getTime() + seconds * 1000);

const claim = (more: Partial<Claim> = {}): Claim => ({
  ...{ stepId: 's', runId: 'r', subjectKind: 'machine', subjectId: 'm', key: 'k', kind: 'test', title: 't' },
  ...{
    input: {},
    state: {},
    executionId: 'e',
    fence: 1,
    attempt: 1,
    failures: 0,
    retries: 2,
    repeatable: true,
    mayFail: false,
  },
  ...{ takenOver: false, cancelling: false, cancelTries: 0, timeoutSeconds: 100, stallSeconds: 30 },
  ...{ executionStartedAt: START, attemptStartedAt: START, lastSignAt: START, logSource: 0 },
  ...more,
});

const decide = (outcome: StepOutcome, more: Partial<Claim> = {}, cancelling = false, now = at(1)) =>
  decideVerdict({
    ...{ claim: claim(more), outcome, now, cancelling, lastSignAt: START },
    settings: { backOffMs: 1000, backOffMaxMs: 60_000 },
    random: { fraction: () => 0, uuid: () => 'id' },
  });

const transient: StepOutcome = { kind: 'failed', failure: 'transient', reason: 'no answer' };

describe('the end of an attempt', () => {
  it('is its time-out, or its stall where that is sooner', () => {
    expect(deadlineOf(claim())).toEqual({ at: at(30), reason: 'stalled: no output and no progress for 30 s' });
    expect(deadlineOf(claim({ lastSignAt: at(90) }))).toEqual({ at: at(100), reason: 'timed out after 100 s' });
  });
});

describe('what an outcome means', () => {
  it('transient: again after a wait that doubles, up to the limit of retries', () => {
    expect(decide(transient)).toMatchObject({ kind: 'retry', notBefore: at(2) });
    expect(decide(transient, { failures: 1 })).toMatchObject({ kind: 'retry', notBefore: at(3) });
    expect(decide(transient, { failures: 2 })).toMatchObject({ kind: 'failed', failure: 'transient' });
  });

  it('transient in a run that is being cancelled: the end', () => {
    expect(decide(transient, {}, true)).toMatchObject({ kind: 'failed' });
  });

  it('permanent and needs-operator: never again by itself', () => {
    for (const failure of ['permanent', 'needs-operator'] as const) {
      expect(decide({ kind: 'failed', failure, reason: 'r' })).toMatchObject({ kind: 'failed', failure });
    }
  });

  it('again: not after the attempt must be over, at once where it is to be cancelled', () => {
    expect(decide({ kind: 'again', afterMs: 5000 })).toMatchObject({ notBefore: at(6) });
    expect(decide({ kind: 'again', afterMs: 3_600_000 })).toMatchObject({ notBefore: at(30) });
    expect(decide({ kind: 'again', afterMs: 5000 }, {}, true)).toMatchObject({ notBefore: at(1) });
    expect(decide({ kind: 'again', afterMs: -1 })).toMatchObject({ notBefore: at(1) });
  });

  it('done: a name that is secret is never published openly too', () => {
    expect(decide({ kind: 'done', outputs: { a: 1, p: 'open' }, secretOutputs: { p: 'shut' } })).toMatchObject({
      outputs: [
        { name: 'a', value: 1 },
        { name: 'p', secret: 'shut' },
      ],
    });
  });
});

it('back-off doubles, stays under its bound, and loses at most half to chance', () => {
  const bounds = { firstMs: 100, mostMs: 1000 };
  expect([1, 2, 3, 4, 5, 5000].map((n) => backOffMs(n, bounds, 0))).toEqual([100, 200, 400, 800, 1000, 1000]);
  expect([1, 2].map((n) => backOffMs(n, bounds, 1))).toEqual([50, 100]);
});
