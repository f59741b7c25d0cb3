import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import {
  databaseOf,
  DEFAULT_ENGINE_SETTINGS,
  Engine,
  HandlerRegistry,
  SubjectRegistry,
  systemRandomness,
  type EngineSettings,
  type Outside,
  type StepContext,
  type StepHandler,
  type StepOutcome,
  type SubjectOwner,
} from '../../src/pipeline/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { createLogger, silentLogger } from '../../src/platform/log/index.js';
import { StepQueue, StepQueueListener } from '../../src/platform/queue/index.js';

const reversed = (text: string) => Array.from(text).reverse().join('');

/** Reversible and recognisable: tests look for it in what is stored. */
export const reversingSecretBox = {
  seal: (plaintext: string, rowId: string) => `${rowId}:${reversed(plaintext)}`,
  open: (sealed: string, rowId: string) => {
    if (!sealed.startsWith(`${rowId}:`)) throw new Error('sealed for another row');
    return reversed(sealed.slice(rowId.length + 1));
  },
};

/** Short waits, so that what takes seconds in life takes tenths here. */
export const FAST: EngineSettings = {
  ...DEFAULT_ENGINE_SETTINGS,
  leaseSeconds: 2,
  sweepMs: 200,
  ringAgainMs: 400,
  backOffMs: 50,
  backOffMaxMs: 200,
};

export function handler(
  kind: string,
  run: (context: StepContext) => Promise<StepOutcome> | StepOutcome,
  more: Partial<StepHandler> = {},
): StepHandler {
  return { kind, run: async (context) => run(context), ...more };
}

/** An engine in this process, over a real Postgres and a real Redis. */
export class TestEngine {
  readonly engine: Engine;
  private readonly queue: StepQueue;
  private listener: StepQueueListener | null = null;

  constructor(
    private readonly options: {
      dataSource: DataSource;
      redisUrl: string;
      prefix: string;
      handlers: readonly StepHandler[];
      owners?: readonly SubjectOwner[];
      settings?: Partial<EngineSettings>;
      outside?: Partial<Outside>;
    },
  ) {
    this.queue = new StepQueue({ redisUrl: options.redisUrl, prefix: options.prefix });
    this.engine = new Engine(
      {
        database: databaseOf(options.dataSource),
        bell: this.queue,
        clock: systemClock,
        random: systemRandomness,
        secrets: reversingSecretBox,
        logger:
          process.env.MUSTER_TEST_LOG !== undefined ? createLogger({ level: 'debug', format: 'json' }) : silentLogger,
        settings: { ...FAST, ...options.settings },
        ...options.outside,
      },
      new HandlerRegistry(options.handlers),
      new SubjectRegistry(options.owners),
      `test-${process.pid}-${randomUUID().slice(0, 4)}`,
    );
  }

  get runs() {
    return this.engine.runs;
  }

  start(): this {
    this.engine.sweeper.start();
    this.engine.worker.start();
    this.listener = new StepQueueListener(
      {
        redisUrl: this.options.redisUrl,
        prefix: this.options.prefix,
        concurrency: this.options.settings?.concurrency ?? FAST.concurrency,
      },
      (stepId) => this.engine.worker.deliver(stepId),
    );
    return this;
  }

  async stop(): Promise<void> {
    await this.listener?.close();
    if (this.listener !== null) await Promise.all([this.engine.worker.stop(), this.engine.sweeper.stop()]);
    await this.queue.close();
  }
}

export async function eventually(
  what: string,
  check: () => Promise<boolean> | boolean,
  withinMs = 20_000,
): Promise<void> {
  for (const until = Date.now() + withinMs; Date.now() < until;) {
    if (await check()) return;
    await sleep(25);
  }
  throw new Error(`not within ${withinMs} ms: ${what}`);
}
