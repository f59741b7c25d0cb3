import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MusterError } from '../../src/error.js';
import type { EngineSettings, EventView, NewRun, StepContext } from '../../src/pipeline/index.js';
import { step, type Plan, type StepSpec } from '../../src/plan/index.js';
import { Datastores } from '../support/datastores.js';
import { eventually, handler, TestEngine } from '../support/pipeline-engine.js';

let stores: Datastores;
let dataSource: DataSource;
let engine: TestEngine;
let trace: string[];
let inFlight: { now: number; most: number };
/** Steps of the kind test.gate end when their key is put here. */
let gates: Set<string>;
let failing: Set<string>;
let versions: Map<string, string>;

beforeAll(async () => {
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
});
afterAll(async () => {
  await dataSource.destroy();
  await stores.stop();
});
beforeEach(() => {
  trace = [];
  inFlight = { now: 0, most: 0 };
  gates = new Set();
  failing = new Set();
  versions = new Map();
  engine = startEngine();
});
afterEach(() => engine.stop());

function startEngine(settings: Partial<EngineSettings> = {}): TestEngine {
  return new TestEngine({
    ...{ dataSource, redisUrl: stores.redis.url, prefix: randomUUID(), settings },
    handlers: [
      handler('test.note', (context) => {
        trace.push(context.stepKey);
        if (failing.has(context.stepKey)) return { kind: 'failed', failure: 'permanent', reason: 'told to' };
        return { kind: 'done' };
      }),
      handler('test.count', async () => {
        inFlight.now += 1;
        inFlight.most = Math.max(inFlight.most, inFlight.now);
        await sleep(30);
        inFlight.now -= 1;
        return { kind: 'done' };
      }),
      handler(
        'test.gate',
        (context) => {
          if (!trace.includes(context.stepKey)) trace.push(context.stepKey);
          return gates.has(context.stepKey) ? { kind: 'done' } : { kind: 'again', afterMs: 30 };
        },
        {
          cancel: (context: StepContext) => {
            trace.push(`stopped ${context.stepKey}`);
            return failing.has(context.stepKey) ? Promise.reject(new Error('it is stuck')) : Promise.resolve();
          },
        },
      ),
      handler(
        'test.hang',
        (context) =>
          new Promise((_, reject) => {
            context.signal.addEventListener('abort', () => reject(new Error('told to stop')));
          }),
      ),
    ],
    owners: [
      {
        kind: 'deployment',
        versionOf: (_manager, id) => Promise.resolve(versions.get(id) ?? null),
        recompile: (_manager, run) =>
          Promise.resolve({ plan: planOf([{ key: 'made-again' }]), basedOn: versions.get(run.subjectId) ?? '' }),
        runChanged: (manager, run) =>
          manager.query('select 1').then(() => void trace.push(`${run.action} is ${run.status}`)),
      },
    ],
  }).start();
}

const planOf = (steps: (Partial<StepSpec> & { key: string })[]): Plan => ({
  steps: steps.map((spec) => step({ title: spec.key, kind: 'test.note', ...spec })),
});

function submit(steps: (Partial<StepSpec> & { key: string })[], more: Partial<NewRun> = {}) {
  const subject = { kind: 'machine', id: randomUUID() };
  return engine.runs.submit(null, {
    subject,
    action: 'test',
    title: 'a test',
    actor: 'tester',
    plan: planOf(steps),
    ...more,
  });
}
const over = (id: string) => engine.runs.untilOver(id, AbortSignal.timeout(30_000));
const statuses = async (id: string) => (await engine.runs.get(id)).steps.map((one) => `${one.key} ${one.status}`);
/** Of this run: an engine also takes steps of runs that tests before left open. */
const begun = (id: string) =>
  eventually('it has begun', async () => (await statuses(id)).some((one) => one.endsWith(' running')));
const statusOf = async (id: string) => (await engine.runs.get(id)).status;
const until = (status: string, id: string) => eventually(status, async () => (await statusOf(id)) === status);

describe('one change at a time', () => {
  const subject = () => ({ kind: 'deployment', id: randomUUID() });

  it('refuses a second mutating run, naming the one in the way; others may run', async () => {
    const about = subject();
    const first = await submit([{ key: 'g', kind: 'test.gate' }], { subject: about, title: 'the first' });
    const refused = await submit([{ key: 'a' }], { subject: about }).catch((error: unknown) => error as MusterError);
    expect(refused).toBeInstanceOf(MusterError);
    expect(refused).toMatchObject({ kind: 'conflict' });
    expect((refused as MusterError).message).toContain(`${first.id} (the first)`);
    const beside = await submit([{ key: 'a' }], { subject: about, mutating: false });
    expect((await over(beside.id)).status).toBe('succeeded');
    gates.add('g');
    await over(first.id);
    expect((await over((await submit([{ key: 'a' }], { subject: about })).id)).status).toBe('succeeded');
  });

  it('lets one of many win who come at once', async () => {
    const about = subject();
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => submit([{ key: 'g', kind: 'test.gate' }], { subject: about })),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    const losers = results.filter((result) => result.status === 'rejected');
    expect(losers.every((loser) => (loser.reason as MusterError).kind === 'conflict')).toBe(true);
    gates.add('g');
  });

  it('queues on request, and makes a stale plan again before it runs', async () => {
    const about = subject();
    versions.set(about.id, '1');
    const first = await submit([{ key: 'g', kind: 'test.gate' }], { subject: about, basedOn: '1' });
    const second = await submit([{ key: 'old-plan' }], { subject: about, basedOn: '1', whenBusy: 'queue' });
    expect(second).toMatchObject({ status: 'queued', reason: `waits for run ${first.id}: a test` });
    versions.set(about.id, '2');
    gates.add('g');
    await eventually('the second is over', async () => (await statusOf(second.id)) === 'succeeded');
    expect(trace).toContain('made-again');
    expect(trace).not.toContain('old-plan');
  });

  it('refuses a plan made from an older state', async () => {
    const about = subject();
    versions.set(about.id, '7');
    await expect(submit([{ key: 'a' }], { subject: about, basedOn: '6' })).rejects.toThrow(/has changed.*6, now 7/);
  });

  it('tells the owner of the subject in the same transaction', async () => {
    const run = await submit([{ key: 'a' }], { subject: subject(), action: 'up' });
    await over(run.id);
    expect(trace).toContain('up is succeeded');
  });

  it('stands or falls with what the submitter writes beside it', async () => {
    const about = subject();
    await dataSource
      .transaction(async (manager) => {
        await engine.runs.submit(manager, {
          ...{ subject: about, action: 'up', title: 't', actor: 'a', plan: planOf([{ key: 'a' }]) },
        });
        throw new Error('changed my mind');
      })
      .catch(() => undefined);
    expect(await engine.runs.list({ subject: about })).toEqual([]);
    const run = await dataSource.transaction((manager) =>
      engine.runs.submit(manager, {
        subject: about,
        action: 'up',
        title: 't',
        actor: 'a',
        plan: planOf([{ key: 'a' }]),
      }),
    );
    expect((await over(run.id)).status).toBe('succeeded');
  });
});

describe('steering', () => {
  it('pauses: what has begun goes on, nothing new starts; resumes', async () => {
    const run = await submit([
      { key: 'g', kind: 'test.gate' },
      { key: 'next', after: ['g'] },
    ]);
    await begun(run.id);
    await engine.runs.pause(run.id);
    gates.add('g');
    await eventually('g is done', async () => (await statuses(run.id))[0] === 'g succeeded');
    await sleep(700);
    expect(await statuses(run.id)).toEqual(['g succeeded', 'next ready']);
    expect(await statusOf(run.id)).toBe('paused');
    await engine.runs.resume(run.id);
    expect((await over(run.id)).status).toBe('succeeded');
  });

  it('a paused run whose last step ends while paused succeeds', async () => {
    const run = await submit([{ key: 'g', kind: 'test.gate' }]);
    await begun(run.id);
    await engine.runs.pause(run.id);
    gates.add('g');
    await until('succeeded', run.id);
  });

  it('a paused run ends also where the worker died right after its last step', async () => {
    const run = await submit([{ key: 'g', kind: 'test.gate' }]);
    await begun(run.id);
    await engine.runs.pause(run.id);
    // The verdict is written, and whoever wrote it is gone before it looked at the run.
    await dataSource.query(`update step set status = 'succeeded', fence = fence + 1 where run_id = $1`, [run.id]);
    await until('succeeded', run.id);
  });

  it('cancels: stops what has begun, once, and never starts the rest', async () => {
    const run = await submit([
      { key: 'g', kind: 'test.gate' },
      { key: 'h', kind: 'test.hang' },
      { key: 'next', after: ['g'] },
    ]);
    await eventually(
      'it has begun',
      async () => (await statuses(run.id)).filter((one) => one.endsWith('running')).length === 2,
    );
    await engine.runs.cancel(run.id, 'a change of plans');
    expect(await over(run.id)).toMatchObject({ status: 'cancelled', reason: 'a change of plans' });
    expect(await statuses(run.id)).toEqual(['g cancelled', 'h cancelled', 'next cancelled']);
    expect(trace.filter((line) => line === 'stopped g')).toHaveLength(1);
    await expect(engine.runs.pause(run.id)).rejects.toThrow(/it is cancelled/);
  });

  it('always ends a cancelled run, and says what it could not stop', async () => {
    failing.add('g');
    const run = await submit([{ key: 'g', kind: 'test.gate' }]);
    await begun(run.id);
    await engine.runs.cancel(run.id, 'down');
    await until('cancelled', run.id);
    const [view] = (await engine.runs.get(run.id)).steps;
    expect(view!.reason).toBe('it could not be stopped and may go on: it is stuck');
  });

  it('cancels a run that is paused or queued', async () => {
    const about = { kind: 'machine', id: randomUUID() };
    const paused = await submit(
      [
        { key: 'g', kind: 'test.gate' },
        { key: 'n', after: ['g'] },
      ],
      { subject: about },
    );
    const queued = await submit([{ key: 'a' }], { subject: about, whenBusy: 'queue' });
    await engine.runs.cancel(queued.id, 'not needed');
    expect(await statusOf(queued.id)).toBe('cancelled');
    await engine.runs.pause(paused.id);
    await engine.runs.cancel(paused.id, 'neither');
    await until('cancelled', paused.id);
  });

  it('retries only what is named, and goes on behind it', async () => {
    failing.add('a').add('b');
    const run = await submit([{ key: 'a' }, { key: 'b' }, { key: 'after-a', after: ['a'] }]);
    await over(run.id);
    failing.clear();
    await engine.runs.retry(run.id, { steps: ['a'] });
    await over(run.id);
    expect(await statuses(run.id)).toEqual(['a succeeded', 'b failed', 'after-a succeeded']);
    await expect(engine.runs.retry(run.id, { steps: ['a'] })).rejects.toThrow(/cannot find a step a/);
    await engine.runs.retry(run.id);
    expect((await over(run.id)).status).toBe('succeeded');
  });

  it('skips a failed step with a reason, and goes on', async () => {
    failing.add('a');
    const run = await submit([{ key: 'a' }, { key: 'next', after: ['a'] }]);
    expect((await over(run.id)).status).toBe('failed');
    await expect(engine.runs.skip(run.id, 'a', ' ')).rejects.toThrow(/say why/);
    await engine.runs.skip(run.id, 'a', 'done by hand');
    expect((await over(run.id)).status).toBe('succeeded');
    expect((await engine.runs.get(run.id)).steps[0]).toMatchObject({ status: 'skipped', reason: 'done by hand' });
  });

  it('does not retry a run that a later one has overtaken', async () => {
    const about = { kind: 'machine', id: randomUUID() };
    failing.add('a');
    const old = await submit([{ key: 'a' }], { subject: about });
    await over(old.id);
    const later = await submit([{ key: 'b' }], { subject: about });
    await over(later.id);
    await expect(engine.runs.retry(old.id)).rejects.toThrow(new RegExp(`run ${later.id}.*has changed`));
  });

  it('refuses bad plans with all their problems', async () => {
    const refused = await submit([{ key: 'a', kind: 'nobody', after: ['x'] }, { key: 'a' }]).catch(
      (error: unknown) => error,
    );
    expect((refused as MusterError).details.map((detail) => detail.message)).toEqual([
      'this key is used twice',
      'nothing handles the kind "nobody"',
      'it comes after "x", which is not there',
    ]);
  });
});

describe('caps', () => {
  it('bound the steps of a run', async () => {
    const steps = Array.from({ length: 12 }, (_, n) => ({ key: `s${n}`, kind: 'test.count' }));
    await over((await submit(steps, { stepsAtOnce: 3 })).id);
    expect(inFlight.most).toBe(3);
  });

  it('bound destructive work over all runs', async () => {
    await engine.stop();
    engine = startEngine({ destructiveAtOnce: 2 });
    const steps = [1, 2, 3].map((n) => ({ key: `s${n}`, kind: 'test.count', destructive: true }));
    const runs = await Promise.all([submit(steps), submit(steps), submit(steps)]);
    for (const run of runs) expect((await over(run.id)).status).toBe('succeeded');
    expect(inFlight.most).toBeLessThanOrEqual(2);
  });
});

describe('the record', () => {
  it('numbers events without gaps, however many write at once, and a reader who resumes misses none', async () => {
    const from = await engine.runs.lastEventNumber();
    const aborter = new AbortController();
    const seen: EventView[] = [];
    const follow = async (after: number, stopAt: number) => {
      for await (const event of engine.runs.followEvents(after, {}, aborter.signal)) {
        seen.push(event);
        if (seen.length === stopAt) return;
      }
    };
    const first = follow(from, 20);
    const runs = await Promise.all(
      Array.from({ length: 10 }, () => submit(Array.from({ length: 5 }, (_, n) => ({ key: `s${n}` })))),
    );
    await first;
    const rest = follow(seen.at(-1)!.number, Infinity);
    for (const run of runs) await over(run.id);
    // Events of earlier tests may still be numbered meanwhile: only these runs count.
    const hasSucceeded = (id: string) => seen.some(({ runId, kind }) => runId === id && kind === 'run.succeeded');
    await eventually('all are seen', () => runs.every((run) => hasSucceeded(run.id)));
    aborter.abort();
    await rest;
    expect(seen.map((event) => event.number)).toEqual(seen.map((_, n) => from + 1 + n));
    // Started, each of five steps begun and done, succeeded.
    for (const run of runs) expect(seen.filter((event) => event.runId === run.id)).toHaveLength(12);
  });

  it('keeps a log up to its cap, with a marker', async () => {
    await engine.stop();
    const talker = new TestEngine({
      ...{ dataSource, redisUrl: stores.redis.url, prefix: randomUUID(), settings: { logBytesPerStep: 64 * 1024 } },
      handlers: [
        handler('test.talk', async (context) => {
          for (let n = 0; n < 100; n += 1) await context.log(`${'é'.repeat(500)}\n`);
          return { kind: 'done' };
        }),
      ],
    }).start();
    engine = talker;
    const run = await submit([{ key: 'a', kind: 'test.talk' }]);
    await over(run.id);
    const pieces = await talker.runs.log(run.id, 'a');
    const text = pieces.map((piece) => piece.text).join('');
    expect(Buffer.byteLength(text)).toBeLessThan(66 * 1024);
    expect(text).toMatch(/\[muster: the log is longer than 64 KiB; the rest is not kept\]\n$/);
    expect((await talker.runs.log(run.id, 'a', 1001)).map((piece) => piece.text).join('')).toHaveLength(
      text.length - 501,
    );
  });
});

it('runs two thousand steps at hundreds a second', async () => {
  const width = 100;
  const steps = Array.from({ length: 2000 }, (_, n) => ({
    key: `s${n}`,
    lane: `node/${n % width}`,
    after: n < width ? [] : [`s${n - width}`, `s${n - width + (n % width === 0 ? width - 1 : -1)}`],
  }));
  const began = performance.now();
  const run = await submit(steps);
  await engine.runs.untilOver(run.id, AbortSignal.timeout(55_000));
  const perSecond = 2000 / ((performance.now() - began) / 1000);
  expect((await engine.runs.get(run.id)).counts.done).toBe(2000);
  // This computer is shared; a quarter of what it does alone still shows that nothing is quadratic.
  expect(perSecond).toBeGreaterThan(50);
});
