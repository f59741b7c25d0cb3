import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { messageOf, MusterError } from '../../error.js';
import { systemClock } from '../clock.js';

export interface EmbeddedRedis {
  /** `unix:///folder/redis.sock` */
  url: string;
  process: ChildProcess;
  stop(): Promise<void>;
}

/**
 * Runs the distribution's Redis on a folder of our own, on a unix socket only. A server that an earlier, killed muster
 * left behind on the folder is stopped first. `identity`: the account to run as, where we are root.
 */
export async function startEmbeddedRedis(dir: string, identity?: { uid: number; gid: number }): Promise<EmbeddedRedis> {
  mkdirSync(dir, { recursive: true });
  chmodSync(dir, 0o755);
  if (identity !== undefined) chownSync(dir, identity.uid, identity.gid);
  const socket = join(dir, 'redis.sock');
  const pidFile = join(dir, 'redis.pid');
  await stopLeftover(pidFile);
  const child = spawn(
    'redis-server',
    // prettier-ignore
    ['--port', '0', '--unixsocket', socket, '--unixsocketperm', '777', '--dir', dir, '--pidfile', pidFile, '--save', '',
     '--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction', '--daemonize', 'no'],
    { ...identity, stdio: 'ignore', detached: true },
  );
  const url = `unix://${socket}`;
  await untilReady(url, child, dir);
  return { url, process: child, stop: () => stop(child) };
}

async function untilReady(url: string, child: ChildProcess, dir: string): Promise<void> {
  let failure = 'it did not answer within 30 s';
  child.once('error', (error) => (failure = error.message));
  child.once(
    'exit',
    (code) => (failure = `redis-server ended with code ${String(code)}; can its account reach ${dir}?`),
  );
  for (let waited = 0; waited < 30_000; waited += 20) {
    if (child.exitCode !== null || child.pid === undefined) break;
    if (await answers(url)) return;
    await systemClock.sleep(20);
  }
  throw new MusterError('unavailable', `cannot start the embedded Redis: ${failure}`, {
    hint: 'apt-get install redis-server, or set REDIS_URL',
  });
}

async function answers(url: string): Promise<boolean> {
  const redis = new Redis(redisOptions(url).path ?? url, { lazyConnect: true, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

async function stopLeftover(pidFile: string): Promise<void> {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const alive = () => {
    try {
      return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('redis-server');
    } catch {
      return false;
    }
  };
  if (alive()) process.kill(pid, 'SIGTERM');
  for (let waited = 0; waited < 10_000 && alive(); waited += 20) await systemClock.sleep(20);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await closed;
}

/** `redis://…`, `rediss://…` or `unix:///path`, as ioredis wants it. */
export function redisOptions(url: string): { path?: string } {
  return url.startsWith('unix://') ? { path: url.slice('unix://'.length) } : {};
}

/**
 * Opens a connection as BullMQ's workers need it: commands wait for a lost server rather than fail. With `failFast` they
 * fail while it is away: for those who can say it again later.
 */
export function connectRedis(url: string, behaviour: { failFast?: boolean } = {}): Redis {
  const waiting = behaviour.failFast !== true;
  const options = {
    maxRetriesPerRequest: waiting ? null : 1,
    enableOfflineQueue: waiting,
    retryStrategy: (times: number) => Math.min(50 * times, 1000),
  };
  const { path } = redisOptions(url);
  const redis = path === undefined ? new Redis(url, options) : new Redis({ ...options, path });
  // A lost server is told by those who wait for it; an unheard 'error' would end the process.
  redis.on('error', () => undefined);
  return redis;
}

/** A Redis that evicts loses jobs without a word, so muster does not start on one. */
export async function refuseEviction(redis: Redis): Promise<void> {
  let info: string;
  try {
    info = await redis.info('memory');
  } catch (error) {
    throw new MusterError('unavailable', `cannot ask Redis for its eviction policy: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
  if (policy !== 'noeviction') {
    throw new MusterError(
      'invalid',
      `cannot use a Redis with maxmemory-policy ${policy ?? 'unknown'}: it may drop jobs`,
      {
        hint: 'redis-cli CONFIG SET maxmemory-policy noeviction',
      },
    );
  }
}
