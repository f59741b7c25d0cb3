import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SubjectOwner } from '../../src/pipeline/index.js';
import { outputOf, step, type StepSpec } from '../../src/plan/index.js';
import { Datastores } from '../support/datastores.js';
import { eventually, handler, TestEngine } from '../support/pipeline-engine.js';

let stores: Datastores;
let dataSource: DataSource;
let engine: TestEngine;
let trace: string[];

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
  engine = new TestEngine({ dataSource, redisUrl: stores.redis.url, prefix: randomUUID(), handlers: handlers() });
  engine.start();
});
afterEach(() => engine.stop());

/** From here on there is a step `test.odd`, which does this. */
async function handle(run: Parameters<typeof handler>[1], owners: SubjectOwner[] = []): Promise<void> {
  await engine.stop();
  const options = { dataSource, redisUrl: stores.redis.url, prefix: randomUUID(), owners };
  engine = new TestEngine({ ...options, handlers: [handler('test.odd', run)] }).start();
}

const TEST_KIND = { kind: 'test.note' };

function handlers() {
  return [
    handler('test.note', (context) => {
      trace.push(context.stepKey);
      return { kind: 'done' };
    }),
    handler('test.publish', () => ({
      kind: 'done',
      outputs: { address: '10.0.0.1' },
      secretOutputs: { password: 'correct horse' },
      exitCode: 0,
    })),
    handler('test.use', async (context) => {
      trace.push(JSON.stringify(context.input));
      await context.log(`using ${JSON.stringify(context.input)}\n`);
      return { kind: 'done' };
    }),
    handler('test.fail', (context) => {
      trace.push(`${context.stepKey}#${context.attempt}`);
      const failure = context.input.failure as 'transient' | 'permanent' | 'needs-operator';
      if (context.input.until !== undefined && context.attempt >= Number(context.input.until)) return { kind: 'done' };
      return { kind: 'failed', failure, reason: 'broken on purpose', hint: 'mend it', exitCode: 7 };
    }),
    handler('test.poll', async (context) => {
      const polls = Number(context.state.polls ?? 0) + 1;
      await context.saveState({ polls });
      trace.push(`poll ${polls}`);
      await context.progress(polls * 25, `look ${polls}`);
      return polls < 3 ? { kind: 'again', afterMs: 50 } : { kind: 'done' };
    }),
  ];
}

const subject = () => ({ kind: 'deployment', id: randomUUID() });

function submit(steps: (Partial<StepSpec> & { key: string })[], more: object = {}) {
  return engine.runs.submit(null, {
    subject: subject(),
    action: 'test',
    title: 'a test',
    actor: 'tester',
    plan: { steps: steps.map((spec) => step({ title: spec.key, ...TEST_KIND, ...spec })) },
    ...more,
  });
}

const over = (id: string) => engine.runs.untilOver(id, AbortSignal.timeout(20_000));

describe('a run', () => {
  it('runs steps in the order of the graph and ends', async () => {
    const run = await submit([
      { key: 'd', after: ['b', 'c'] },
      { key: 'b', after: ['a'] },
      { key: 'c', after: ['a'] },
      { key: 'a' },
    ]);
    const view = await over(run.id);
    expect(view).toMatchObject({ status: 'succeeded', percent: 100, secondsLeft: null });
    expect(trace[0]).toBe('a');
    expect(trace[3]).toBe('d');
    expect(trace.slice(1, 3).sort()).toEqual(['b', 'c']);
  });

  it('with no steps succeeds', async () => {
    const run = await submit([]);
    expect((await over(run.id)).status).toBe('succeeded');
  });

  it('hands outputs on, secret ones sealed at rest and masked in logs', async () => {
    const run = await submit([
      { key: 'a', kind: 'test.publish' },
      {
        key: 'b',
        kind: 'test.use',
        after: ['a'],
        input: { at: outputOf('a', 'address'), with: [outputOf('a', 'password')] },
      },
    ]);
    expect((await over(run.id)).status).toBe('succeeded');
    expect(trace).toEqual(['{"at":"10.0.0.1","with":["correct horse"]}']);
    const stored = JSON.stringify(await dataSource.query('select * from output'));
    expect(stored).toContain('esroh tcerroc');
    expect(stored).not.toContain('correct horse');
    const log = (await engine.runs.log(run.id, 'b')).map((piece) => piece.text).join('');
    expect(log).toBe('using {"at":"10.0.0.1","with":["[masked]"]}\n');
    expect(await engine.runs.outputs(run.id)).toContainEqual({
      step: 'a',
      name: 'password',
      secret: true,
      value: null,
    });
  });

  it('polls without holding a job, and keeps the notes of the handler', async () => {
    const run = await submit([{ key: 'p', kind: 'test.poll' }]);
    const view = await over(run.id);
    expect(trace).toEqual(['poll 1', 'poll 2', 'poll 3']);
    expect(view.steps[0]).toMatchObject({ attempt: 1, message: 'look 3', percent: 100 });
  });

  it('runs one step of a lane at a time', async () => {
    const run = await submit(
      Array.from({ length: 6 }, (_, n) => ({ key: `s${n}`, lane: 'node/0', kind: 'test.poll' })),
    );
    await over(run.id);
    // Each step has its three polls to itself.
    expect(trace).toEqual(Array.from({ length: 6 }, () => ['poll 1', 'poll 2', 'poll 3']).flat());
  });
});

describe('failures', () => {
  it('are retried where transient, up to the limit, in one execution', async () => {
    const run = await submit([{ key: 'f', kind: 'test.fail', retries: 2, input: { failure: 'transient' } }]);
    const view = await over(run.id);
    expect(view).toMatchObject({ status: 'failed', reason: 'f: broken on purpose' });
    expect(trace).toEqual(['f#1', 'f#2', 'f#3']);
    const attempts = await engine.runs.attempts(run.id, 'f');
    expect(attempts.map((attempt) => [attempt.number, attempt.outcome, attempt.exitCode])).toEqual([
      [1, 'failed', 7],
      [2, 'failed', 7],
      [3, 'failed', 7],
    ]);
    expect(new Set(attempts.map((attempt) => attempt.executionId)).size).toBe(1);
  });

  it.each(['a\0b', 'a\uD800b', { deep: ['a\0b'] }])(
    'are permanent where a value is published that Postgres cannot hold: %j',
    async (value) => {
      await handle(() => ({ kind: 'done', outputs: { odd: value } }));
      const view = await over((await submit([{ key: 'a', kind: 'test.odd' }])).id);
      expect(view).toMatchObject({ status: 'failed', steps: [{ failure: 'permanent', attempt: 1 }] });
      expect(view.steps[0]!.reason).toMatch(/"odd" holds a NUL or half of a surrogate pair$/);
    },
  );

  it('are stored without what Postgres cannot hold, as notes are', async () => {
    await handle(async (context) => {
      await context.saveState({ answer: 'a\0b\uD800' });
      await context.progress(10, 'half\0way');
      return { kind: 'failed', failure: 'permanent', reason: 'no\0pe', hint: 'me\0nd' };
    });
    const view = await over((await submit([{ key: 'a', kind: 'test.odd' }])).id);
    expect(view.steps[0]).toMatchObject({ reason: 'nope', hint: 'mend', message: 'halfway', attempt: 1 });
  });

  it.each(['succeeded', 'failed'])('of the owner to write along end a step that has %s', async (how) => {
    const refuse = async (manager: EntityManager) => {
      await manager.query(`select 'x'::integer`);
    };
    const owner = { kind: 'deployment', stepSucceeded: refuse, ...(how === 'failed' ? { stepStopped: refuse } : {}) };
    await handle(
      () => (how === 'failed' ? { kind: 'failed', failure: 'permanent', reason: 'x' } : { kind: 'done' }),
      [owner],
    );
    const view = await over((await submit([{ key: 'a', kind: 'test.odd' }])).id);
    expect(view).toMatchObject({ status: 'failed', steps: [{ failure: 'permanent' }] });
    expect(view.steps[0]!.reason).toMatch(/^cannot store what came of the step: invalid input syntax/);
  });

  it('stop at once where permanent, while independent steps go on', async () => {
    const run = await submit([
      { key: 'f', kind: 'test.fail', retries: 5, input: { failure: 'permanent' } },
      { key: 'after', after: ['f'] },
      { key: 'beside' },
    ]);
    const view = await over(run.id);
    expect(view.status).toBe('failed');
    expect(trace.sort()).toEqual(['beside', 'f#1']);
    expect(view.steps.map((s) => s.status)).toEqual(['failed', 'waiting', 'succeeded']);
  });

  it('wait for an operator, and go on by retry with a new execution', async () => {
    const run = await submit([
      { key: 'f', kind: 'test.fail', input: { failure: 'needs-operator', until: 2 } },
      { key: 'after', after: ['f'] },
    ]);
    await eventually('paused', async () => (await engine.runs.get(run.id)).status === 'paused');
    const before = await engine.runs.get(run.id);
    expect(before.reason).toContain('waits for an operator: f: broken on purpose');
    expect(before.steps[0]).toMatchObject({ status: 'needs-operator', hint: 'mend it' });
    await engine.runs.retry(run.id);
    const after = await over(run.id);
    expect(after.status).toBe('succeeded');
    expect(after.steps[0]!.executionId).not.toBe(before.steps[0]!.executionId);
  });
});
