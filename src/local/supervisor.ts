import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { inheritedEnvironment, rootCacheDir, type Role, type Settings } from '../platform/config/index.js';
// Not by the room's index: the one process that stays root loads no more than it uses.
import { BuildForServer } from '../images/build-for-server.js';
import { HostForServer } from '../clouds/localhost/host-for-server.js';
import { LxdRelay } from '../clouds/localhost/lxd-relay.js';
import type { Logger } from '../platform/log/index.js';
import { startDatastores, type RunningDatastores } from './datastores.js';
import { packageRoot } from '../platform/files/index.js';
import { dropPrivileges, ensureAccount, othersCanReach, type Account } from './unprivileged-user.js';

/**
 * What V8 keeps for young objects, in megabytes: it fills all of it before it looks what can go. Where little happens
 * that is only held, and code that seldom runs need not be made fast.
 */
const IDLE = ['--max-semi-space-size=1', '--optimize-for-size'];
const BUSY = ['--max-semi-space-size=8'];

interface Worker {
  roles: Role[];
  process: ChildProcess;
}

/**
 * `muster serve`: keeps the datastores, and one child process for the boot role (which needs low ports) and one for
 * everything else (which needs nothing). Started as root, it alone stays root.
 */
export class Supervisor {
  private datastores: RunningDatastores | null = null;
  private readonly workers = new Set<Worker>();
  private relay: LxdRelay | null = null;
  private stopping = false;

  constructor(
    private readonly settings: Settings,
    private readonly log: Logger,
  ) {}

  /** Resolves when every role has told that it is ready. */
  async start(): Promise<void> {
    const account = process.getuid?.() === 0 ? await this.accountForRoot() : null;
    this.prepareDataFolder(account);
    const { localhost, dataDir } = this.settings;
    if (localhost.enabled && account !== null) this.relay = await LxdRelay.open(dataDir, account, localhost.socket);
    this.datastores = await startDatastores(this.settings, this.log, account ?? undefined);
    for (const roles of splitRoles(this.settings.roles, account !== null)) await this.startWorker(roles, account);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.workers].map((worker) => endProcess(worker.process)));
    await this.datastores?.stop();
    this.relay?.close();
  }

  private async accountForRoot(): Promise<Account | null> {
    const unreachable = [packageRoot(), process.execPath].filter((path) => !othersCanReach(path));
    if (unreachable.length > 0) {
      this.log.warn({ unreachable }, `user ${this.settings.user} cannot read the program: everything runs as root`);
      return null;
    }
    return ensureAccount(this.settings.user, this.settings.dataDir);
  }

  /** The folders that the server writes to. */
  private prepareDataFolder(account: Account | null): void {
    const { dataDir } = this.settings;
    mkdirSync(dataDir, { recursive: true });
    // Others may pass through (Postgres has an account of its own) but not look around.
    chmodSync(dataDir, 0o711);
    if (account === null) return;
    chownSync(dataDir, account.uid, account.gid);
    const { cacheDir } = this.settings.images;
    const cache = cacheDir ?? join(dataDir, 'cache');
    // Before, root built there; one that an operator has made is the operator's.
    if (cacheDir !== undefined && existsSync(cacheDir)) return;
    mkdirSync(cache, { recursive: true });
    lchownSync(cache, account.uid, account.gid);
  }

  private async startWorker(roles: Role[], account: Account | null): Promise<void> {
    const prefix = account === null ? [] : dropPrivileges(account, { bootCapabilities: roles.includes('boot') });
    const [program, ...args] = [
      ...prefix,
      process.execPath,
      '--enable-source-maps',
      ...(roles.includes('boot') ? BUSY : IDLE),
      join(packageRoot(), 'dist/src/main.js'),
    ];
    const child = spawn(program, args, {
      env: {
        ...inheritedEnvironment(),
        DATABASE_URL: this.datastores?.databaseUrl,
        REDIS_URL: this.datastores?.redisUrl,
        MUSTER_ROLES: roles.join(','),
        // `muster serve --localhost`: said to the supervisor alone.
        MUSTER_LOCALHOST_ENABLED: `${this.settings.localhost.enabled}`,
      },
      // The child ends when this channel closes, so that it never outlives a killed supervisor.
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const worker = { roles, process: child };
    this.workers.add(worker);
    const builder = new BuildForServer(this.imageCache(account), (message) => child.connected && child.send(message));
    child.on('message', (message) => builder.hear(message));
    const host = new HostForServer((message) => child.connected && child.send(message));
    if (this.settings.localhost.enabled) child.on('message', (message) => host.hear(message));
    const ready = untilReady(child);
    child.once('exit', (code, signal) => {
      this.workers.delete(worker);
      builder.stop();
      host.stop();
      if (!this.stopping) this.restart(roles, account, `code ${String(code)}, signal ${String(signal)}`);
    });
    await ready;
  }

  private imageCache(account: Account | null): string {
    const { dataDir, images } = this.settings;
    return account === null ? (images.cacheDir ?? join(dataDir, 'cache')) : rootCacheDir(images.cacheDir);
  }

  private restart(roles: Role[], account: Account | null, reason: string): void {
    this.log.error({ roles, reason }, 'a process of muster ended; starting it again in a second');
    setTimeout(() => {
      if (this.stopping) return;
      this.startWorker(roles, account).catch((error: unknown) =>
        this.log.error({ roles, error }, 'cannot start the process again'),
      );
    }, 1000);
  }
}

/** As root, the boot role gets its own process, because only it keeps capabilities. */
export function splitRoles(roles: readonly Role[], apart: boolean): Role[][] {
  const others = roles.filter((role) => role !== 'boot');
  if (!apart || others.length === 0 || others.length === roles.length) return [[...roles]];
  return [others, ['boot']];
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`cannot start: the process ended with code ${String(code)}`)));
  });
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await closed;
  clearTimeout(timer);
}
