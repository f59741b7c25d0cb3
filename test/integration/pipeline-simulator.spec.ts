import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { MusterError } from '../../src/error.js';
import { step, type StepSpec } from '../../src/plan/index.js';
import type { StepContext, StepOutcome } from '../../src/pipeline/index.js';
import { Datastores } from '../support/datastores.js';
import { handler } from '../support/pipeline-engine.js';
import { SimulatedWorld } from '../support/pipeline-simulator.js';

const RUNS = 15;
const STEPS = 8;
const SIMULATED_HOUR_MS = 3_600_000;

let stores: Datastores;
let dataSource: DataSource;
beforeAll(async () => {
  stores = await Datastores.start();
  const { dataSource: settings } = await stores.createDatabase();
  // Nobody kills this Postgres; without waiting for the disk the same time simulates more.
  await settings.query('alter system set synchronous_commit = off');
  await settings.query('select pg_reload_conf()');
  await settings.destroy();
});
afterAll(() => stores.stop());

/** A node as far as the protocol goes: it keeps the highest fence of each execution, and starts each once. */
class SimulatedNodes {
  readonly starts = new Map<string, number>();
  /** Per lane: who is at work until when. */
  readonly lanes = new Map<string, { execution: string; until: number }>();
  readonly overlaps: string[] = [];
  refused = 0;
  private readonly fences = new Map<string, number>();
  private readonly ends = new Map<string, number>();

  ask(context: StepContext, nowMs: number, durationMs: number): 'running' | 'finished' {
    const seen = this.fences.get(context.executionId) ?? 0;
    if (context.fence < seen) {
      this.refused += 1;
      throw new Error('fence refused');
    }
    this.fences.set(context.executionId, context.fence);
    let end = this.ends.get(context.executionId);
    if (end === undefined) {
      end = nowMs + durationMs;
      this.ends.set(context.executionId, end);
      this.starts.set(context.stepId, (this.starts.get(context.stepId) ?? 0) + 1);
      const lane = `${context.subject.id}/${JSON.stringify(context.input.lane)}`;
      const other = this.lanes.get(lane);
      if (other !== undefined && other.until > nowMs) this.overlaps.push(lane);
      this.lanes.set(lane, { execution: context.executionId, until: end });
    }
    return nowMs >= end ? 'finished' : 'running';
  }
}

it.each([1, 2])('runs end as they should through kills, pauses, cuts and lost bells: seed %i', async (seed) => {
  ({ dataSource } = await stores.createDatabase());
  const nodes = new SimulatedNodes();
  const world = new SimulatedWorld(dataSource, seed, (process) => [
    handler('sim.server', async (context): Promise<StepOutcome> => {
      await process.clock.sleep(world.random() * 3000, context.signal);
      if (world.random() < 0.05) return { kind: 'failed', failure: 'transient', reason: 'bad luck' };
      return { kind: 'done', outputs: { value: context.stepKey } };
    }),
    handler(
      'sim.node',
      async (context): Promise<StepOutcome> => {
        // The way there, a cut on it, and the way back: a paused worker arrives late.
        await process.clock.sleep(world.random() * 200, context.signal);
        if (world.random() < 0.1) throw new MusterError('unavailable', 'cannot reach the node: cut');
        const state = nodes.ask(context, world.time.nowMs, world.random() * 8000);
        await process.clock.sleep(world.random() * 200, context.signal);
        return state === 'finished' ? { kind: 'done' } : { kind: 'again', afterMs: 500 };
      },
      { resumable: true },
    ),
  ]);
  world.start(3);
  const ids = await submitRuns(world);
  const open = new Set(ids);
  const look = () => {
    void world.alive[0]?.engine.runs.list({ limit: 1000 }).then((runs) => {
      for (const run of runs) if (['succeeded', 'failed', 'cancelled'].includes(run.status)) open.delete(run.id);
    });
    world.time.in(5000, look);
  };
  look();
  await world.time.run(() => open.size === 0, SIMULATED_HOUR_MS);
  world.calm = true;
  for (const process of world.processes) process.kill();

  const bad = await dataSource.query<object[]>(`select status, reason from run where status <> 'succeeded'`);
  expect(bad).toEqual([]);
  const overtaken = await dataSource.query<object[]>(
    `select after.key from step_edge join step before on before.id = before_id join step after on after.id = after_id
     where after.started_at < before.finished_at`,
  );
  expect(overtaken).toEqual([]);
  expect([...nodes.starts.values()].every((count) => count === 1)).toBe(true);
  // A submitter that was killed after its commit submits again, so there may be more runs than were wanted.
  const stored = await dataSource.query<object[]>(`select 1 from step where kind = 'sim.node'`);
  expect(nodes.starts.size).toBe(stored.length);
  expect(stored.length).toBeGreaterThanOrEqual((RUNS * STEPS) / 2);
  expect(nodes.overlaps).toEqual([]);
  expect(world.kills).toBeGreaterThan(5);
  const open_attempts = await dataSource.query<object[]>('select 1 from attempt where finished_at is null');
  expect(open_attempts).toEqual([]);
  await dataSource.destroy();
});

async function submitRuns(world: SimulatedWorld): Promise<string[]> {
  const ids: string[] = [];
  let submitted = 0;
  for (let n = 0; n < RUNS; n += 1) {
    const request = {
      subject: { kind: 'deployment', id: `d${n}` },
      ...{ action: 'up', title: `run ${n}`, actor: 'simulator' },
      plan: { steps: planFrom(world.random) },
    };
    // Whoever submits may be killed too: then it submits again, like a person who got no answer.
    const attempt = () => {
      const process = world.alive[0];
      const given = submitted;
      process?.engine.runs.submit(null, request).then(
        (run) => {
          ids.push(run.id);
          submitted += 1;
        },
        () => undefined,
      );
      world.time.in(2000, () => {
        if (submitted === given) attempt();
      });
    };
    attempt();
    await world.time.run(() => submitted > n || isStored(ids, n), SIMULATED_HOUR_MS);
  }
  return ids;
}

const isStored = (ids: readonly string[], n: number) => ids.length > n;

function planFrom(random: () => number): StepSpec[] {
  return Array.from({ length: STEPS }, (_, n) => {
    const isNode = n % 2 === 1;
    const lane = isNode ? `node/${n % 3}` : null;
    return step({
      ...{ key: `s${n}`, kind: isNode ? 'sim.node' : 'sim.server', title: `step ${n}`, lane, input: { lane } },
      after: Array.from({ length: n }, (_unused, before) => `s${before}`).filter(() => random() < 0.3),
      repeatable: !isNode,
      retries: 30,
      timeoutSeconds: 3000,
      stallSeconds: 3000,
    });
  });
}
