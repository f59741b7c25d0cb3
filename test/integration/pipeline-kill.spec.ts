import 'reflect-metadata';
import { type ChildProcess, fork } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/platform/database/index.js';
import { connectRedis, startEmbeddedRedis, type EmbeddedRedis } from '../../src/platform/queue/index.js';
import { step, type StepSpec } from '../../src/plan/index.js';
import { compileProgram } from '../support/compile.js';
import { Datastores } from '../support/datastores.js';
import { eventually, handler, TestEngine } from '../support/pipeline-engine.js';
import type { WorkerOptions } from '../support/pipeline-worker.js';
import { Sshd } from '../support/sshd.js';

let stores: Datastores;
let postgres: EmbeddedPostgres;
let redis: EmbeddedRedis;
let sshd: Sshd;
let program: string;
let dataSource: DataSource;
let databaseUrl: string;

beforeAll(async () => {
  program = compileProgram('test/support/pipeline-worker.ts');
  [stores, sshd] = await Promise.all([Datastores.start(), Sshd.start()]);
  ({ postgres, redis } = stores);
  ({ dataSource, url: databaseUrl } = await stores.createDatabase());
});
afterAll(async () => {
  await dataSource.destroy();
  await Promise.all([postgres.stop(), redis.stop()]);
  await Promise.all([stores.stop(), sshd.stop()]);
});

let prefix: string;
let effects: string;
let submitter: TestEngine;
let workers: ChildProcess[];

beforeEach(() => {
  prefix = randomUUID();
  effects = join(stores.dir, `effects-${prefix}`);
  workers = [];
  // It only submits and looks: all the work is done by other processes.
  submitter = new TestEngine({
    ...{ dataSource, prefix, redisUrl: redis.url },
    handlers: ['test.work', 'test.slow', 'node.script'].map((kind) => handler(kind, () => ({ kind: 'done' }))),
  });
});
afterEach(async () => {
  for (const worker of workers) await kill(worker);
  await submitter.stop();
});

async function startWorker(settings: WorkerOptions['settings'] = {}, artifact?: string): Promise<ChildProcess> {
  const node = { target: sshd.target, environment: sshd.runnerEnvironment };
  const options: WorkerOptions = { databaseUrl, redisUrl: redis.url, prefix, effects, settings, node, artifact };
  const child = fork(program, [JSON.stringify(options)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [],
  });
  workers.push(child);
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function submit(steps: Partial<StepSpec>[]) {
  const specs = steps.map((spec, n) => step({ key: `s${n}`, kind: 'test.work', title: 'work', ...spec }));
  const subject = { kind: 'deployment', id: randomUUID() };
  return submitter.runs.submit(null, {
    subject,
    action: 'test',
    title: 'a test',
    actor: 'tester',
    plan: { steps: specs },
  });
}

/** Layers of steps, each after two of the layer before. */
function lattice(layers: number, width: number): Partial<StepSpec>[] {
  return Array.from({ length: layers * width }, (_, n) => ({
    input: { polls: 2, ms: 20 },
    retries: 5,
    after:
      n < width ? [] : [...new Set([n - width, n - width + (n % width === 0 ? width - 1 : -1)])].map((k) => `s${k}`),
  }));
}

const over = (id: string) => submitter.runs.untilOver(id, AbortSignal.timeout(45_000));
const effectLines = () => (existsSync(effects) ? readFileSync(effects, 'utf8').trim().split('\n') : []);
const count = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0);
const untilDone = (runId: string, steps: number) =>
  eventually(`${steps} steps are done`, async () => (await submitter.runs.get(runId)).counts.done >= steps, 30_000);

async function restartPostgres(awayMs: number): Promise<void> {
  const gone = new Promise((resolve) => postgres.process.once('exit', resolve));
  postgres.process.kill('SIGKILL');
  await gone;
  await sleep(awayMs);
  postgres = await startEmbeddedPostgres(join(stores.dir, 'postgres'));
}

async function expectAllDone(runId: string): Promise<void> {
  const view = await over(runId);
  expect(view).toMatchObject({ status: 'succeeded', reason: null });
  expect(view.steps.every((one) => one.status === 'succeeded')).toBe(true);
  // Nothing overtook a predecessor, whatever was killed.
  const finished = new Map(view.steps.map((one) => [one.key, one.finishedAt!.getTime()]));
  for (const one of view.steps) {
    for (const before of one.after) expect(one.startedAt!.getTime()).toBeGreaterThanOrEqual(finished.get(before)!);
  }
}

describe('nothing is lost', () => {
  it('when workers are killed, again and again', async () => {
    const run = await submit(lattice(12, 4));
    for (const done of [8, 16, 24, 32]) {
      const [one, two] = await Promise.all([startWorker(), startWorker()]);
      await untilDone(run.id, done);
      await Promise.all([kill(one), kill(two)]);
    }
    await startWorker();
    await expectAllDone(run.id);
  });

  it('when Redis is flushed, again and again', async () => {
    const run = await submit(lattice(10, 4));
    await startWorker();
    for (const done of [4, 12, 20, 28]) {
      await untilDone(run.id, done);
      const client = connectRedis(redis.url);
      await client.flushall();
      client.disconnect();
    }
    await expectAllDone(run.id);
  });

  it('when Redis is killed, and away for a while', async () => {
    const run = await submit(lattice(8, 4));
    const worker = await startWorker();
    await untilDone(run.id, 6);
    const gone = new Promise((resolve) => redis.process.once('exit', resolve));
    redis.process.kill('SIGKILL');
    await gone;
    // Submitting works without it.
    const meanwhile = await submit([{}]);
    await sleep(2000);
    redis = await startEmbeddedRedis(join(stores.dir, 'redis'));
    await expectAllDone(run.id);
    await expectAllDone(meanwhile.id);
    expect(worker.exitCode).toBeNull();
  });

  it('when Postgres is killed in the middle and started again', async () => {
    // No step has a try to lose.
    const run = await submit(lattice(8, 4).map((spec) => ({ ...spec, retries: 0 })));
    const worker = await startWorker();
    await untilDone(run.id, 6);
    await restartPostgres(1000);
    await expectAllDone(run.id);
    expect(worker.exitCode).toBeNull();
  });
});

describe('nothing that may not be repeated runs twice', () => {
  it('on a node, while its workers are killed one after the other', async () => {
    const file = join(stores.dir, randomUUID());
    const script = `echo once >>${file}; for i in $(seq 1 40); do echo "line $i"; sleep 0.1; done`;
    const run = await submit([{ kind: 'node.script', repeatable: false, input: { nodeId: 'n', script } }]);
    for (let killed = 0; killed < 3; killed += 1) {
      const worker = await startWorker({ leaseSeconds: 1 });
      await eventually('it runs', () => count(file) === 1);
      await sleep(500 + 200 * killed);
      await kill(worker);
    }
    await startWorker();
    await expectAllDone(run.id);
    expect(count(file)).toBe(1);
    const log = (await submitter.runs.log(run.id, 's0')).map((piece) => piece.text).join('');
    const lines = log.split('\n').filter((line) => line.startsWith('line'));
    expect(lines).toEqual(Array.from({ length: 40 }, (_, n) => `line ${n + 1}`));
    const [attempt] = await submitter.runs.attempts(run.id, 's0');
    expect(attempt).toMatchObject({ number: 1, outcome: 'succeeded' });
  });

  it('on a node, while Postgres is started again and again', async () => {
    const file = join(stores.dir, randomUUID());
    const script = `echo once >>${file}; for i in $(seq 1 100); do echo "line $i"; sleep 0.1; done`;
    const once = { kind: 'node.script', repeatable: false, retries: 0 };
    const run = await submit([{ ...once, input: { nodeId: 'n', script } }]);
    const worker = await startWorker();
    await eventually('it runs', () => count(file) === 1);
    for (const awayMs of [500, 1500]) {
      await sleep(400);
      await restartPostgres(awayMs);
    }
    await expectAllDone(run.id);
    expect(count(file)).toBe(1);
    const log = (await submitter.runs.log(run.id, 's0')).map((piece) => piece.text).join('');
    expect(log.split('\n').filter((line) => line.startsWith('line'))).toHaveLength(100);
    expect(await submitter.runs.attempts(run.id, 's0')).toMatchObject([{ number: 1, outcome: 'succeeded' }]);
    expect(worker.exitCode).toBeNull();
  });

  it('on a worker whose Postgres goes away: it fails, and is not begun again', async () => {
    const run = await submit([{ kind: 'test.slow', repeatable: false, retries: 0, input: { ms: 1500 } }]);
    await startWorker({ leaseSeconds: 30 });
    await eventually('it has begun', () => effectLines().some((line) => line.includes('begins')));
    await sleep(300);
    // It comes back to say that it has ended while Postgres is away.
    await restartPostgres(2500);
    expect(await over(run.id)).toMatchObject({ status: 'failed' });
    expect(effectLines()).toHaveLength(1);
  });

  it('with an artifact on its way to the node: it goes on, whoever is killed or paused meanwhile', async () => {
    const file = join(stores.dir, randomUUID());
    const artifact = join(stores.dir, randomUUID());
    const content = randomBytes(128 << 20);
    writeFileSync(artifact, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const folder = join(sshd.runnerEnvironment.MUSTER_ROOT, 'artifacts', sha256);
    const sent = () => {
      const part = existsSync(folder) && readdirSync(folder).find((name) => name.endsWith('.part'));
      return typeof part === 'string' ? statSync(join(folder, part)).size : 0;
    };
    const artifacts = [{ name: 'big', url: '', sha256, fileName: 'big' }];
    const script = `echo once >>${file}; sha256sum <"$ARTIFACT_BIG"`;
    const run = await submit([{ kind: 'node.script', repeatable: false, input: { nodeId: 'n', script, artifacts } }]);
    const first = await startWorker({ leaseSeconds: 1 }, artifact);
    await eventually('some is sent', () => sent() > 0);
    await kill(first);
    const before = sent();
    const second = await startWorker({ leaseSeconds: 1 }, artifact);
    await eventually('more is sent', () => sent() > before);
    second.kill('SIGSTOP');
    expect(sent()).toBeLessThan(content.length);
    const third = await startWorker({ leaseSeconds: 1 }, artifact);
    await eventually('the third has it', () => existsSync(join(folder, 'big')), 40_000);
    second.kill('SIGCONT');
    await expectAllDone(run.id);
    await sleep(500);
    expect(count(file)).toBe(1);
    const log = (await submitter.runs.log(run.id, 's0')).map((piece) => piece.text).join('');
    expect(log).toContain(`${sha256}  -`);
    const from = [...log.matchAll(/from byte (\d+)/g)].map(([, byte]) => Number(byte));
    // The last lines of who is killed may be lost with it; nobody but the first may begin anew.
    expect(from.filter((byte) => byte === 0).length).toBeLessThanOrEqual(1);
    expect(from.at(-1)).toBeGreaterThanOrEqual(before);
    expect(readFileSync(join(folder, 'big')).equals(content)).toBe(true);
    expect(third.exitCode).toBeNull();
  });

  it('in a worker that is killed: it stops for the operator', async () => {
    const run = await submit([{ kind: 'test.slow', repeatable: false, input: { ms: 60_000 } }]);
    const worker = await startWorker();
    await eventually('it has begun', () => effectLines().some((line) => line.includes('begins')));
    await kill(worker);
    await startWorker();
    const view = await over(run.id);
    expect(view.status).toBe('paused');
    expect(view.steps[0]).toMatchObject({ status: 'needs-operator' });
    expect(view.steps[0]!.reason).toContain('interrupted');
    expect(effectLines()).toHaveLength(1);
  });

  it('by a worker that was paused and superseded: it can write no more', async () => {
    const run = await submit([{ kind: 'test.slow', input: { ms: 1500 } }]);
    const stopped = await startWorker();
    await eventually('it has begun', () => effectLines().some((line) => line.includes(`begins ${stopped.pid}`)));
    stopped.kill('SIGSTOP');
    const other = await startWorker();
    await eventually('another took it', () => effectLines().some((line) => line.includes(`begins ${other.pid}`)));
    stopped.kill('SIGCONT');
    await expectAllDone(run.id);
    await sleep(1500);
    const log = (await submitter.runs.log(run.id, 's0')).map((piece) => piece.text).join('');
    expect(log).toBe(`begun by ${stopped.pid}\nbegun by ${other.pid}\nended by ${other.pid}\n`);
  });
});
