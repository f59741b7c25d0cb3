import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import {
  databaseOf,
  DEFAULT_ENGINE_SETTINGS,
  Engine,
  HandlerRegistry,
  SubjectRegistry,
  type Database,
  type Ring,
  type StepHandler,
} from '../../src/pipeline/index.js';
import type { Clock } from '../../src/platform/clock.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { reversingSecretBox } from './pipeline-engine.js';

const never = () => new Promise<never>(() => undefined);

/** mulberry32: the same numbers for the same seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Timer {
  at: number;
  order: number;
  fire: () => void;
}

/** Time that stands still until everybody waits for it, then jumps to the next that is due. */
export class SimulatedTime {
  nowMs = Date.UTC(2030, 0, 1);
  private timers: Timer[] = [];
  private order = 0;
  /** Statements at work in Postgres: while there are any, time stands still. */
  busy = 0;

  in(ms: number, fire: () => void): () => void {
    const timer = { at: this.nowMs + ms, order: this.order++, fire };
    this.timers.push(timer);
    return () => (this.timers = this.timers.filter((one) => one !== timer));
  }

  /** Runs until `done`, or throws when the virtual time is over. */
  async run(done: () => boolean, limitMs: number): Promise<void> {
    const end = this.nowMs + limitMs;
    while (!done()) {
      await this.settle();
      if (done()) return;
      this.timers.sort((a, b) => a.at - b.at || a.order - b.order);
      const next = this.timers.shift();
      if (next === undefined || next.at > end) throw new Error('the simulated time is over');
      this.nowMs = Math.max(this.nowMs, next.at);
      next.fire();
    }
  }

  private async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet = this.busy === 0 ? quiet + 1 : 0) await turn();
  }
}

/** A server process that can be killed and paused between any two things it does. */
export class SimulatedProcess {
  isAlive = true;
  readonly engine: Engine;
  private resumed: Promise<void> = Promise.resolve();

  constructor(
    private readonly world: SimulatedWorld,
    handlers: (process: SimulatedProcess) => StepHandler[],
  ) {
    this.engine = new Engine(
      {
        database: this.database(databaseOf(world.dataSource)),
        bell: {
          ring: (rings) =>
            this.guard(() => {
              world.ring(rings);
              return Promise.resolve();
            }),
        },
        clock: this.clock,
        random: { fraction: world.random, uuid: () => randomUUID() },
        secrets: reversingSecretBox,
        logger: silentLogger,
        settings: { ...DEFAULT_ENGINE_SETTINGS, retentionDays: 100_000 },
      },
      new HandlerRegistry(handlers(this)),
      new SubjectRegistry(),
      `simulated-${world.processes.length}`,
    );
    this.engine.sweeper.start();
    this.engine.worker.start();
  }

  get clock(): Clock {
    const { time } = this.world;
    return {
      now: () => new Date(time.nowMs),
      sleep: (ms, signal) =>
        this.guard(
          () =>
            new Promise<void>((resolve, reject) => {
              if (signal?.aborted === true) {
                reject(signal.reason as Error);
                return;
              }
              const stop = () => {
                forget();
                reject(signal?.reason as Error);
              };
              const forget = time.in(ms, () => {
                signal?.removeEventListener('abort', stop);
                resolve();
              });
              signal?.addEventListener('abort', stop, { once: true });
            }),
        ),
    };
  }

  kill(): void {
    this.isAlive = false;
  }

  /** Asked anew each time: it may be killed while it waits. */
  private isGone(): boolean {
    return !this.isAlive;
  }

  pause(ms: number): void {
    this.resumed = new Promise((resolve) => this.world.time.in(ms, resolve));
  }

  /** What a dead process began has no end; what a paused one does waits. */
  async guard<Result>(work: () => Promise<Result>): Promise<Result> {
    await this.resumed;
    if (this.isGone()) return never();
    try {
      return await work();
    } finally {
      await this.resumed;
      if (this.isGone()) await never();
    }
  }

  private database(real: Database): Database {
    const { time } = this.world;
    const counted = async <Result>(work: () => Promise<Result>): Promise<Result> => {
      time.busy += 1;
      try {
        return await work();
      } finally {
        time.busy -= 1;
      }
    };
    return {
      manager: real.manager,
      query: (text, parameters) => this.guard(() => counted(() => real.query(text, parameters))),
      transaction: (work) =>
        this.guard(() =>
          counted(() =>
            real.transaction((sql) =>
              work({
                manager: sql.manager,
                query: (text, parameters) => {
                  this.world.perhapsKill(this);
                  // Its connection breaks, and Postgres takes everything back.
                  if (!this.isAlive) throw new Error('killed in a transaction');
                  return sql.query(text, parameters);
                },
              }),
            ),
          ),
        ),
    };
  }
}

/** Processes, a bell that loses, repeats and delays, and somebody who breaks things, all from one seed. */
export class SimulatedWorld {
  readonly time = new SimulatedTime();
  readonly processes: SimulatedProcess[] = [];
  readonly random: () => number;
  kills = 0;
  calm = false;
  private bells: (() => void)[] = [];

  constructor(
    readonly dataSource: DataSource,
    seed: number,
    private readonly handlers: (process: SimulatedProcess) => StepHandler[],
  ) {
    this.random = randomFrom(seed);
  }

  get alive(): SimulatedProcess[] {
    return this.processes.filter((process) => process.isAlive);
  }

  start(processes: number): void {
    for (let n = 0; n < processes; n += 1) this.processes.push(new SimulatedProcess(this, this.handlers));
    this.breakThings();
  }

  ring(rings: readonly Ring[]): void {
    for (const { stepId, delayMs } of rings) {
      const copies = this.random() < 0.05 ? 0 : this.random() < 0.05 ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const late = this.random() < 0.05 ? this.random() * 5000 : this.random() * 20;
        this.bells.push(this.time.in(delayMs + late, () => this.deliver(stepId)));
      }
    }
  }

  /** In the middle of a transaction, now and then. */
  perhapsKill(process: SimulatedProcess): void {
    if (!this.calm && this.random() < 0.002) this.killAndReplace(process);
  }

  private deliver(stepId: string): void {
    const { alive } = this;
    const process = alive[Math.floor(this.random() * alive.length)];
    if (process !== undefined) void process.guard(() => process.engine.worker.deliver(stepId));
  }

  private breakThings(): void {
    if (this.calm) return;
    const victim = this.alive[Math.floor(this.random() * this.alive.length)];
    const what = this.random();
    if (victim !== undefined && what < 0.4) this.killAndReplace(victim);
    else if (victim !== undefined && what < 0.8) victim.pause(500 + this.random() * 25_000);
    else this.flush();
    this.time.in(1000 + this.random() * 4000, () => this.breakThings());
  }

  private flush(): void {
    for (const forget of this.bells) forget();
    this.bells = [];
  }

  private killAndReplace(victim: SimulatedProcess): void {
    if (!victim.isAlive) return;
    victim.kill();
    this.kills += 1;
    this.time.in(this.random() * 3000, () => this.processes.push(new SimulatedProcess(this, this.handlers)));
  }
}
