import { Queue, Worker } from 'bullmq';
import { MusterError } from '../../error.js';
import { connectRedis } from './embedded-redis.js';

/** What a job says: look at this step. Everything else is in Postgres. */
interface StepJob {
  stepId: string;
}

export interface StepQueueOptions {
  redisUrl: string;
  /** Keeps several installations on one Redis apart. */
  prefix?: string;
}

const NAME = 'steps';
const RING_TIMEOUT_MS = 3000;

/** Rings for steps through BullMQ. A Redis that is away makes `ring` throw soon; nothing waits in memory for it. */
export class StepQueue {
  private readonly connection;
  private readonly queue: Queue<StepJob>;
  private readonly firstReady: Promise<void>;
  private wasReady = false;

  constructor(options: StepQueueOptions) {
    this.connection = connectRedis(options.redisUrl, { failFast: true });
    this.firstReady = new Promise((resolve) => {
      this.connection.once('ready', () => {
        this.wasReady = true;
        resolve();
      });
    });
    this.queue = new Queue<StepJob>(NAME, {
      connection: this.connection,
      prefix: options.prefix ?? 'muster',
      // BullMQ ignores a new job whose id it still keeps, so none is kept.
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
      // All of these would ask Redis at once, and fail while it is away.
      skipVersionCheck: true,
      skipMetasUpdate: true,
      skipWaitingForReady: true,
    });
    // Told by `ring` to whoever rings; an unheard 'error' would end the process.
    this.queue.on('error', () => undefined);
  }

  /** Throws when Redis has not taken them within a few seconds. */
  async ring(rings: readonly { stepId: string; delivery: number; delayMs: number }[]): Promise<void> {
    const jobs = rings.map((ring) => ({
      name: 'look',
      data: { stepId: ring.stepId },
      opts: { jobId: `${ring.stepId}-${ring.delivery}`, delay: ring.delayMs },
    }));
    if (this.connection.status !== 'ready') await this.untilFirstConnected();
    await inTime(this.queue.addBulk(jobs));
  }

  async close(): Promise<void> {
    this.connection.disconnect();
    await this.queue.close().catch(() => undefined);
  }

  /** At the start the connection is still being made; later, being away is a reason to give up at once. */
  private async untilFirstConnected(): Promise<void> {
    if (!this.wasReady) await inTime(this.firstReady);
    if (this.connection.status === 'ready') return;
    throw new MusterError('unavailable', `cannot reach Redis: the connection is ${this.connection.status}`);
  }
}

async function inTime(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new MusterError('unavailable', `cannot reach Redis within ${RING_TIMEOUT_MS} ms`));
    }, RING_TIMEOUT_MS);
  });
  // It may still fail after its time; that was told already.
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Listens for bells, `concurrency` at a time. `deliver` must not throw. */
export class StepQueueListener {
  private readonly connection;
  private readonly worker: Worker<StepJob>;

  constructor(options: StepQueueOptions & { concurrency: number }, deliver: (stepId: string) => Promise<void>) {
    this.connection = connectRedis(options.redisUrl);
    this.worker = new Worker<StepJob>(NAME, (job) => deliver(job.data.stepId), {
      connection: this.connection,
      prefix: options.prefix ?? 'muster',
      concurrency: options.concurrency,
      drainDelay: 5,
    });
    this.worker.on('error', () => undefined);
  }

  /** Takes no more; what is in hand is the caller's to end. */
  async close(): Promise<void> {
    await this.worker.close(true).catch(() => undefined);
    this.connection.disconnect();
  }
}
