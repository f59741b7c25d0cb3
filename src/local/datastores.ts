import { join } from 'node:path';
import { MusterError } from '../error.js';
import type { Settings } from '../platform/config/index.js';
import { startEmbeddedPostgres } from '../platform/database/index.js';
import type { Logger } from '../platform/log/index.js';
import { connectRedis, refuseEviction, startEmbeddedRedis } from '../platform/queue/index.js';
import { migrate, readSchemaState, refuseNewerSchema, withDataSource } from './migrate.js';

export interface RunningDatastores {
  databaseUrl: string;
  redisUrl: string;
  stop(): Promise<void>;
}

interface Server {
  url: string;
  process: import('node:child_process').ChildProcess;
  stop(): Promise<void>;
}

/**
 * The given Postgres and Redis, or our own under the data folder. Our own are started again when they die, on the same
 * sockets, so that clients find them again.
 */
export async function startDatastores(
  settings: Settings,
  log: Logger,
  identity?: { uid: number; gid: number },
): Promise<RunningDatastores> {
  const owned: KeptServer[] = [];
  const keep = async (name: string, start: () => Promise<Server>) => {
    const server = await KeptServer.start(name, start, log);
    owned.push(server);
    return server.url;
  };
  const given = (url: string | undefined) => (url === undefined ? undefined : Promise.resolve(url));
  const stop = async () => {
    await Promise.all(owned.map((server) => server.stop()));
  };
  const starting = [
    given(settings.databaseUrl) ?? keep('postgres', () => startEmbeddedPostgres(join(settings.dataDir, 'postgres'))),
    given(settings.redisUrl) ?? keep('redis', () => startEmbeddedRedis(join(settings.dataDir, 'redis'), identity)),
  ] as const;
  try {
    const [databaseUrl, redisUrl] = await Promise.all(starting);
    await checkRedis(redisUrl);
    await prepareSchema(databaseUrl, settings.databaseUrl === undefined, log);
    return { databaseUrl, redisUrl, stop };
  } catch (error) {
    // The other of the two may only be about to start.
    await Promise.allSettled(starting);
    await stop();
    throw error;
  }
}

/** Our own database follows the program; a given one is changed by `muster db migrate` alone. */
async function prepareSchema(url: string, own: boolean, log: Logger): Promise<void> {
  if (own) {
    const before = await withDataSource(url, readSchemaState);
    if (before.pending.length > 0) log.info({ migrations: before.pending }, 'bringing the database up to date');
    await migrate(url);
    return;
  }
  const state = await withDataSource(url, readSchemaState);
  refuseNewerSchema(state);
  if (state.pending.length > 0) {
    throw new MusterError('conflict', `cannot start: the database lacks ${state.pending.length} migrations`, {
      hint: 'back it up, then run `muster db migrate`',
    });
  }
}

async function checkRedis(url: string): Promise<void> {
  const redis = connectRedis(url);
  try {
    await refuseEviction(redis);
  } finally {
    redis.disconnect();
  }
}

/** A server that is started again whenever it ends by itself. */
class KeptServer {
  private stopping = false;

  private constructor(
    private readonly name: string,
    private readonly startServer: () => Promise<Server>,
    private server: Server,
    private readonly log: Logger,
  ) {}

  static async start(name: string, start: () => Promise<Server>, log: Logger): Promise<KeptServer> {
    const kept = new KeptServer(name, start, await start(), log);
    kept.watch();
    return kept;
  }

  get url(): string {
    return this.server.url;
  }

  private watch(): void {
    this.server.process.once('exit', (code, signal) => {
      if (this.stopping) return;
      this.log.error({ server: this.name, code, signal }, 'the embedded server ended; starting it again');
      void this.startAgain();
    });
  }

  private async startAgain(): Promise<void> {
    for (let delayMs = 100; !this.stopping; delayMs = Math.min(delayMs * 2, 10_000)) {
      try {
        this.server = await this.startServer();
        this.watch();
        return;
      } catch (error) {
        this.log.error({ server: this.name, error }, 'cannot start the embedded server again');
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.server.stop();
  }
}
