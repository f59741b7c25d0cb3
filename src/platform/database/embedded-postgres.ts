import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { MusterError } from '../../error.js';
import { systemClock } from '../clock.js';
import { runProcess } from '../process/index.js';

export interface EmbeddedPostgres {
  /** For this computer's processes alone: a unix socket in the data folder. */
  url: string;
  process: ChildProcess;
  stop(): Promise<void>;
}

interface Account {
  uid: number;
  gid: number;
}

/**
 * Runs the distribution's Postgres on a cluster of our own in `dir`, made at the first start. It listens on a unix
 * socket in that folder only. A server that an earlier, killed muster left running on the folder is stopped first;
 * Postgres then recovers from its log by itself.
 */
export async function startEmbeddedPostgres(dir: string): Promise<EmbeddedPostgres> {
  const bin = findPostgresBinaries();
  const account = await postgresAccount();
  const data = join(dir, 'data');
  const socketDir = join(dir, 'socket');
  for (const folder of [dir, socketDir]) {
    mkdirSync(folder, { recursive: true });
    chownSync(folder, account.uid, account.gid);
    chmodSync(folder, 0o755);
  }
  const identity = process.getuid?.() === 0 ? account : undefined;
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(bin, data, identity);
  await stopLeftover(data, socketDir);
  const child = spawn(
    join(bin, 'postgres'),
    [
      '-D',
      data,
      '-k',
      socketDir,
      '-c',
      'listen_addresses=',
      '-c',
      'unix_socket_permissions=0777',
      '-c',
      'logging_collector=off',
    ],
    { ...identity, stdio: ['ignore', 'ignore', 'pipe'], detached: true, env: { LANG: 'C.UTF-8' } },
  );
  const tail = keepTail(child);
  await untilReady(urlOf(socketDir, 'postgres'), child, tail);
  await ensureDatabase(socketDir);
  return { url: urlOf(socketDir, 'muster'), process: child, stop: () => stop(child) };
}

/** Where the server on `dir` is reached, by any account of this computer, while it runs. */
export function embeddedPostgresUrl(dir: string): string {
  return urlOf(join(dir, 'socket'), 'muster');
}

function urlOf(socketDir: string, database: string): string {
  return `postgres://muster@localhost/${database}?host=${encodeURIComponent(socketDir)}`;
}

function findPostgresBinaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).filter((name) => /^\d+$/.test(name)) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a)).find((v) => existsSync(join(root, v, 'bin', 'initdb')));
  if (newest === undefined) {
    throw new MusterError('unavailable', 'cannot start the embedded Postgres: no server is installed', {
      hint: 'apt-get install postgresql (16 on Ubuntu 24.04, 15 on Debian 12), or set DATABASE_URL',
    });
  }
  return join(root, newest, 'bin');
}

/** Postgres refuses to run as root, so its package's own account is used then. */
async function postgresAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const { stdout } = await runProcess(['getent', 'passwd', 'postgres']);
  const [, , uid = '', gid = ''] = stdout.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

async function initialise(bin: string, data: string, identity: Account | undefined): Promise<void> {
  rmSync(data, { recursive: true, force: true });
  const initdb = [join(bin, 'initdb'), '-D', data, '-U', 'muster', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
  const prefix =
    identity === undefined ? [] : ['setpriv', `--reuid=${identity.uid}`, `--regid=${identity.gid}`, '--clear-groups'];
  await runProcess([...prefix, ...initdb], { timeoutMs: 120_000 });
}

async function stopLeftover(data: string, socketDir: string): Promise<void> {
  const pidFile = join(data, 'postmaster.pid');
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
  if (isPostgresOn(pid, data)) process.kill(pid, 'SIGINT');
  const isAtWork = () => isPostgresOn(pid, data) || worksIn(data);
  for (let waited = 0; waited < 30_000 && isAtWork(); waited += 50) await systemClock.sleep(50);
  // Postgres would take whoever has that number for itself: a dead process that nobody waited for, or another program.
  if (isAtWork()) return;
  for (const file of [pidFile, join(socketDir, '.s.PGSQL.5432.lock')]) rmSync(file, { force: true });
}

function isPostgresOn(pid: number, data: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(data);
  } catch {
    return false;
  }
}

/** Sessions outlive a killed server for a moment; each has the cluster's folder as its working folder. */
function worksIn(data: string): boolean {
  return readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readlinkSync(`/proc/${name}/cwd`) === data;
    } catch {
      return false; // it ended, or belongs to somebody else
    }
  });
}

function keepTail(child: ChildProcess): { text: string } {
  const tail = { text: '' };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail.text = (tail.text + text).slice(-4000);
  });
  return tail;
}

async function untilReady(url: string, child: ChildProcess, tail: { text: string }): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 50) {
    if (child.exitCode !== null) break;
    const client = new Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await systemClock.sleep(50);
    }
  }
  throw new MusterError('unavailable', `cannot start the embedded Postgres: ${whyOf(tail.text.trim().split('\n'))}`);
}

/** The line that says why, where there is one; what follows it is how it ends. */
function whyOf(lines: string[]): string {
  return lines.findLast((line) => line.includes('FATAL:')) ?? lines.at(-1) ?? '';
}

async function ensureDatabase(socketDir: string): Promise<void> {
  const client = new Client({ connectionString: urlOf(socketDir, 'postgres') });
  await client.connect();
  try {
    const { rowCount } = await client.query("select 1 from pg_database where datname = 'muster'");
    if (rowCount === 0) await client.query('create database muster');
  } finally {
    await client.end();
  }
}

/** A fast shutdown: sessions are ended, everything is written out. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  await closed;
}
