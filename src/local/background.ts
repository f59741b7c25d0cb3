import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterError } from '../error.js';
import { inheritedEnvironment, loadSettings, type Settings } from '../platform/config/index.js';

/** A server without the boot role: it stands in nobody's network. */
const ROLES = 'api,worker,scheduler';
const STOP_MS = 60_000;

const pidFile = ({ dataDir }: Settings) => join(dataDir, 'serve.pid');
const logFile = ({ dataDir }: Settings) => join(dataDir, 'serve.log');

export interface BackgroundServer {
  pid: number;
  log: string;
  /** Resolves when it has ended by itself, with the end of its log. */
  ended: Promise<string>;
}

/**
 * Starts `muster serve` apart from this terminal, with its own datastores and without the boot role. It is told nothing
 * but what is in the settings and the environment.
 */
export function startInBackground(options: { localhost: boolean; roles?: string }): BackgroundServer {
  const settings = loadSettings();
  if (process.getuid?.() !== 0) {
    throw new MusterError('forbidden', 'cannot start a server in the background: only root may', {
      hint: 'sudo muster serve --background, or run `muster serve` yourself',
    });
  }
  const running = runningServer(settings);
  if (running !== null) {
    throw new MusterError('conflict', `cannot start a server: one runs already, process ${running}`, {
      hint: `its log: ${logFile(settings)}; muster serve --stop ends it`,
    });
  }
  mkdirSync(settings.dataDir, { recursive: true });
  const log = openSync(logFile(settings), 'a', 0o600);
  const [program = ''] = process.argv.slice(1);
  const more = [...(options.localhost ? ['--localhost'] : [])];
  const child = spawn(
    process.execPath,
    [...process.execArgv, program, 'serve', '--roles', options.roles ?? ROLES, ...more],
    {
      detached: true,
      cwd: '/',
      env: inheritedEnvironment(),
      stdio: ['ignore', log, log],
    },
  );
  closeSync(log);
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new MusterError('internal', `cannot start ${process.execPath}`);
  writeFileSync(pidFile(settings), `${pid}\n`, { mode: 0o600 });
  const ended = new Promise<string>((resolve) => child.once('exit', () => resolve(endOf(logFile(settings)))));
  return { pid, log: logFile(settings), ended };
}

/** Ends the server that {@link startInBackground} started; its deployments stay as they are. Gives its process id. */
export async function stopBackground(settings = loadSettings()): Promise<number> {
  const pid = runningServer(settings);
  if (pid === null) {
    throw new MusterError('not-found', `cannot stop a server: none runs in the background over ${settings.dataDir}`);
  }
  process.kill(pid, 'SIGTERM');
  for (const until = Date.now() + STOP_MS; Date.now() < until;) {
    if (runningServer(settings) === null) {
      rmSync(pidFile(settings), { force: true });
      return pid;
    }
    await sleep(200);
  }
  throw new MusterError('internal', `cannot stop process ${pid}: it goes on after ${STOP_MS / 1000} s`);
}

/** The process in the file, if it is still a server of ours: numbers are given anew. */
function runningServer(settings: Settings): number | null {
  if (!existsSync(pidFile(settings))) return null;
  const pid = Number(readFileSync(pidFile(settings), 'utf8'));
  try {
    const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return argv.includes('serve') ? pid : null;
  } catch {
    return null;
  }
}

function endOf(path: string): string {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-5).join('\n');
}
