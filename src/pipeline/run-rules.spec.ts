import { describe, expect, it } from 'vitest';
import { estimate, type EstimateStep } from './estimate.js';
import { HandlerRegistry } from './handler-registry.js';
import { SecretMask } from './secret-mask.js';
import { runStatusFor, type StepCounts } from './settle-run.js';
import { checkTransitions, mayBecome, RUN_TRANSITIONS, STEP_TRANSITIONS } from './status.js';
import type { StepHandler } from './step-handler.js';

describe('the tables of statuses', () => {
  it('are whole', () => {
    checkTransitions('run', RUN_TRANSITIONS, 'queued');
    checkTransitions('step', STEP_TRANSITIONS, 'waiting');
    expect(mayBecome(STEP_TRANSITIONS, 'succeeded')).toEqual(['running']);
  });

  it('stop the start where they are not', () => {
    const table = { a: ['b'], b: ['c'], d: ['a'] } as unknown as Record<'a' | 'b', ('a' | 'b')[]>;
    expect(() => checkTransitions('test', table, 'a')).toThrow('"c" is unknown');
    const island = { a: ['b'], b: [], d: [] } as unknown as Record<'a' | 'b', ('a' | 'b')[]>;
    expect(() => checkTransitions('test', island, 'a')).toThrow('nothing leads to d');
  });
});

describe('handlers', () => {
  const of = (kind: string): StepHandler => ({ kind, run: () => Promise.resolve({ kind: 'done' }) });

  it('are one a kind, and none may be missing', () => {
    const registry = new HandlerRegistry([of('a')]);
    expect(() => registry.register(of('a'))).toThrow('two handlers for steps of the kind "a"');
    registry.expect('a', 'b', 'c');
    expect(() => registry.checkComplete()).toThrow('no handler for steps of the kind b, c');
    registry.register(of('b'));
    registry.register(of('c'));
    registry.checkComplete();
  });
});

describe('a run', () => {
  const none: StepCounts = { inFlight: 0, ready: 0, waiting: 0, failed: 0, needsOperator: 0, cancelled: 0 };
  it.each([
    [{}, false, 'succeeded'],
    [{ inFlight: 1, failed: 1 }, false, null],
    [{ ready: 1, failed: 1 }, false, null],
    [{ waiting: 2, failed: 1 }, false, 'failed'],
    [{ waiting: 2, needsOperator: 1 }, false, 'paused'],
    [{ needsOperator: 1, failed: 1 }, false, 'failed'],
    [{ waiting: 1 }, false, 'stuck'],
    [{ inFlight: 1 }, true, null],
    [{ cancelled: 3 }, true, 'cancelled'],
    [{}, true, 'cancelled'],
  ] as const)('with %j, cancelling: %s, is %s', (counts, cancelling, status) => {
    expect(runStatusFor({ ...none, ...counts }, cancelling)).toBe(status);
  });
});

describe('an estimate', () => {
  const NOW = new Date('2030-01-01T00:01:40Z');
  const one = (id: string, more: Partial<EstimateStep> = {}): EstimateStep => ({
    ...{ id, kind: 'k', status: 'waiting', percent: 0, startedAt: null },
    ...more,
  });
  const usual = new Map([['k', 100]]);

  it('is the longest chain of what is left', () => {
    const steps = [one('a', { status: 'succeeded' }), one('b'), one('c'), one('d')];
    const edges = [
      { before: 'a', after: 'b' },
      { before: 'b', after: 'c' },
      { before: 'a', after: 'd' },
    ];
    expect(estimate(steps, edges, usual, NOW, 50)).toEqual({ percent: 25, secondsLeft: 200 });
    expect(estimate(steps, edges, usual, NOW, 1)).toEqual({ percent: 25, secondsLeft: 300 });
  });

  it("takes a step's own word for it once it has said enough", () => {
    const startedAt = new Date(NOW.getTime() - 50_000);
    const at = (percent: number) =>
      estimate([one('a', { status: 'running', percent, startedAt })], [], usual, NOW, 1).secondsLeft;
    expect(at(0)).toBe(50);
    expect(at(20)).toBe(200);
  });

  it('of a run that is over is nothing', () => {
    expect(estimate([one('a', { status: 'skipped' })], [], usual, NOW, 1)).toEqual({ percent: 100, secondsLeft: null });
  });

  it('counts what was done, however slow the rest turns out to be', () => {
    // Five percent after 100 s: 1,900 s are left, more than both were expected to take; 200 of 2,100 s are over.
    const crawls = one('b', { status: 'running', percent: 5, startedAt: new Date(NOW.getTime() - 100_000) });
    const { percent } = estimate([one('a', { status: 'succeeded' }), crawls], [], usual, NOW, 1);
    expect(percent).toBeGreaterThan(0);
    expect(percent).toBeLessThan(20);
    expect(estimate([], [], usual, NOW, 1)).toEqual({ percent: 100, secondsLeft: null });
  });
});

describe('masking', () => {
  it('hides secrets and each line of long ones, the longest first', () => {
    const mask = new SecretMask();
    mask.add(['hunter', 'hunter22', 'first line\nsecond line', 'ab', 'a.*c']);
    expect(mask.apply('hunter22 hunter first line; second line ab a.*c abc')).toBe(
      '[masked] [masked] [masked]; [masked] ab [masked] abc',
    );
  });
});
