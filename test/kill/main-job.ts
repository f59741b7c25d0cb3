import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { Rack } from '../../src/lab/index.js';
import { findDoubles } from './doubles.js';
import { type JobState, JobWatch } from './job-state.js';
import { killPlan, type KillPlan, type Stage, STAGES, stageOf } from './kill-plan.js';
import { ServerProcesses } from './server-processes.js';

/**
 * The main job, one machine from power-off to a verified bundle, while its server is killed once in each stage with all
 * that it started, Redis is emptied once and Postgres killed once. `--seed N` repeats the instants of an earlier run.
 */

interface Kill {
  stage: Stage;
  what: string;
  /** After the step was seen running. */
  atSeconds: number;
  /** Until the server, or the database, answers again. */
  recoverySeconds: number;
}

const root = join(import.meta.dirname, '../..');
const LIMIT_MS = 45 * 60_000;

class MainJob {
  readonly kills: Kill[] = [];
  private lab: ChildProcess | null = null;
  private server: ServerProcesses | null = null;
  private readonly watch: JobWatch;
  private readonly environment: NodeJS.ProcessEnv;

  constructor(
    private readonly plan: KillPlan,
    private readonly bundle: string,
    private readonly namespace: string,
    private readonly dir: string,
  ) {
    this.watch = new JobWatch(join(dir, 'data/postgres/socket'));
    this.environment = { ...process.env, MUSTER_LAB_NAME: namespace, MUSTER_LAB_DIR: dir };
  }

  async run(): Promise<string[]> {
    this.lab = spawn(
      process.execPath,
      [join(root, 'dist/src/cli.js'), 'lab', 'up', '--machines', '1', '--firmware', 'bios', '--bundle', this.bundle],
      { stdio: 'inherit', env: this.environment },
    );
    const job = await this.follow();
    const problems = job.status === 'succeeded' ? [] : [`the job ended ${job.status}`];
    const missed = STAGES.filter((stage) => !this.kills.some((kill) => kill.what === 'server' && kill.stage === stage));
    problems.push(...missed.map((stage) => `the server was not killed in stage ${stage}: it was over too soon`));
    for (const what of ['redis', 'postgres']) {
      if (!this.kills.some((kill) => kill.what === what)) problems.push(`${what} was left alone`);
    }
    if (job.status === 'succeeded') problems.push(...(await findDoubles(this.watch, job, this.stepFolders(job))));
    const code = await this.labExit();
    if (code !== 0) problems.push(`the command that brought the bundle up ended with ${String(code)}`);
    return problems;
  }

  async clean(): Promise<void> {
    await this.watch.close();
    if (this.lab?.exitCode === null) this.lab.kill('SIGTERM');
    execFileSync(process.execPath, [join(root, 'dist/src/cli.js'), 'lab', 'down'], { env: this.environment });
  }

  /** Looks until the job is over, and strikes as planned. */
  private async follow(): Promise<JobState> {
    const deadline = Date.now() + LIMIT_MS;
    const left = new Set<Stage>(STAGES);
    while (Date.now() < deadline) {
      const job = await this.watch.look();
      if (job !== null && !['queued', 'running'].includes(job.status)) return job;
      if (job === null && this.lab?.exitCode !== null) throw new Error('the lab ended before there was a job');
      const stage = job === null ? null : runningStage(job, left);
      if (stage === null) await sleep(50);
      else if (await this.strike(stage)) left.delete(stage);
    }
    throw new Error(`the job is not over after ${LIMIT_MS / 60_000} minutes`);
  }

  /** False where the stage was over before its instant came. */
  private async strike(stage: Stage): Promise<boolean> {
    const seen = Date.now();
    const at = seen + this.plan.seconds[stage] * 1000;
    while (Date.now() < at) {
      await sleep(Math.min(50, Math.max(1, at - Date.now())));
      if (!(await this.isRunning(stage))) return false;
    }
    this.server ??= this.takeServer();
    const struck = Date.now();
    const count = await this.server.kill();
    say(`killed the server (${count} processes) in stage ${stage}`);
    await this.server.start();
    this.note(stage, 'server', seen, struck);
    if (stage === this.plan.flushRedisIn) await this.flushRedis(stage, seen);
    if (stage === this.plan.killPostgresIn) await this.killPostgres(stage, seen);
    return true;
  }

  private async isRunning(stage: Stage): Promise<boolean> {
    const job = await this.watch.look();
    return job !== null && runningStage(job, new Set([stage])) === stage;
  }

  private async flushRedis(stage: Stage, seen: number): Promise<void> {
    const struck = Date.now();
    const redis = new Redis(join(this.dir, 'data/redis/redis.sock'));
    await redis.flushall();
    redis.disconnect();
    this.note(stage, 'redis', seen, struck);
  }

  private async killPostgres(stage: Stage, seen: number): Promise<void> {
    const struck = Date.now();
    this.server?.killPostgres();
    await this.watch.close();
    await sleep(100);
    while ((await this.watch.look()) === null) await sleep(50);
    this.note(stage, 'postgres', seen, struck);
  }

  private note(stage: Stage, what: string, seen: number, struck: number): void {
    const recoverySeconds = (Date.now() - struck) / 1000;
    this.kills.push({ stage, what, atSeconds: (struck - seen) / 1000, recoverySeconds });
    say(`${what} is back after ${recoverySeconds.toFixed(1)} s`);
  }

  private takeServer(): ServerProcesses {
    const found = Rack.open(this.dir).processes.find((each) => each.what === 'muster serve');
    if (found === undefined) throw new Error('the lab has no server');
    return ServerProcesses.take(found.pid, this.namespace, join(this.dir, 'server.log'));
  }

  /** Names of the execution folders on the machine. */
  private stepFolders(job: JobState): string[] {
    const command = join(this.dir, 'muster');
    const run = (...argv: string[]) => execFileSync(command, argv, { encoding: 'utf8', env: this.environment });
    const [machine] = Rack.open(this.dir).machines;
    if (machine === undefined) throw new Error(`job ${job.id} has no machine`);
    const output = run('exec', machine.name, '--', 'sudo', 'ls', '-1', '/var/lib/muster/steps');
    return output.split('\n').filter((line) => line !== '');
  }

  private async labExit(): Promise<number | null> {
    const { lab } = this;
    for (let waited = 0; waited < 120_000 && lab?.exitCode === null; waited += 100) await sleep(100);
    return lab?.exitCode ?? null;
  }
}

function runningStage(job: JobState, of: ReadonlySet<Stage>): Stage | null {
  for (const step of job.steps) {
    const stage = stageOf(step);
    if (step.status === 'running' && stage !== null && of.has(stage)) return stage;
  }
  return null;
}

function say(line: string): void {
  console.log(`[kill] ${line}`);
}

function tableOf(kills: readonly Kill[]): string {
  const line = (stage: string, what: string, at: string, recovery: string) =>
    `${stage.padEnd(12)}${what.padEnd(10)}${at.padStart(10)}${recovery.padStart(14)}`;
  return [
    line('stage', 'killed', 'after', 'back after'),
    ...kills.map((kill) =>
      line(kill.stage, kill.what, `${kill.atSeconds.toFixed(1)} s`, `${kill.recoverySeconds.toFixed(1)} s`),
    ),
  ].join('\n');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, bundle: { type: 'string', default: 'ubuntu' } },
  });
  const plan = killPlan(values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed));
  say(`seed ${plan.seed}: Redis is flushed in stage ${plan.flushRedisIn}, Postgres killed in ${plan.killPostgresIn}`);
  const name = `muster-kill-${process.pid}`;
  const job = new MainJob(plan, values.bundle, name, `/var/lib/${name}`);
  let problems: string[];
  try {
    problems = await job.run();
  } catch (error) {
    problems = [error instanceof Error ? error.message : String(error)];
    const log = `/var/lib/${name}/server.log`;
    if (existsSync(log)) say(`the end of the server's log:\n${readFileSync(log, 'utf8').slice(-4000)}`);
  } finally {
    await job.clean();
  }
  console.log(`\n${tableOf(job.kills)}\n`);
  for (const problem of problems) console.log(`wrong: ${problem}`);
  console.log(
    problems.length === 0
      ? `the job succeeded and no step was doubled (seed ${plan.seed})`
      : `failed; again with: npm run test:kill -- --seed ${plan.seed}`,
  );
  return problems.length === 0 ? 0 : 1;
}

process.exit(await main());
