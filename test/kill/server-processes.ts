import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface ProcessLine {
  pid: number;
  parent: number;
  name: string;
  state: string;
}

/** `muster serve` in a namespace, with all that it started. */
export class ServerProcesses {
  private constructor(
    private readonly namespace: string,
    private readonly log: string,
    private readonly argv: string[],
    private readonly environment: Record<string, string>,
    private supervisor: number,
  ) {}

  /** Takes over the server that runs: its arguments and environment are read from it, so that it can be started again. */
  static take(pid: number, namespace: string, log: string): ServerProcesses {
    const fields = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8').split('\0').slice(0, -1);
    const environment = Object.fromEntries(
      fields('environ').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
    return new ServerProcesses(namespace, log, fields('cmdline'), environment, pid);
  }

  /** SIGKILL to all of them at once. Gives how many there were, when none is left. */
  async kill(): Promise<number> {
    const pids = treeOf(this.supervisor);
    for (const pid of pids) kill(pid);
    while (pids.some((pid) => readProcess(pid) !== null)) await sleep(10);
    return pids.length;
  }

  /** Starts the server as it was started before, with other settings where some are given. Resolves when it is ready. */
  async start(settings: Record<string, string> = {}): Promise<void> {
    const from = statSync(this.log).size;
    const output = openSync(this.log, 'a');
    const child: ChildProcess = spawn('ip', ['netns', 'exec', this.namespace, ...this.argv], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...this.environment, ...settings },
    });
    closeSync(output);
    child.unref();
    this.supervisor = child.pid ?? 0;
    for (let waited = 0; waited < 180_000; waited += 50) {
      if (readFileSync(this.log).subarray(from).includes('muster is ready')) return;
      if (child.exitCode !== null) break;
      await sleep(50);
    }
    throw new Error(`the server did not come back: see ${this.log}`);
  }

  /** SIGKILL to the embedded Postgres alone. */
  killPostgres(): void {
    const postmaster = childrenOf(this.supervisor).find(({ name }) => name === 'postgres');
    if (postmaster === undefined) throw new Error('the server has no Postgres of its own');
    kill(postmaster.pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown; // it went with its parent
  }
}

function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap((child) => treeOf(child.pid))];
}

function childrenOf(pid: number): ProcessLine[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? [])
    .filter(({ parent }) => parent === pid);
}

/** proc_pid_stat(5). Null where there is none, or a dead one that waits for its parent. */
function readProcess(pid: number): ProcessLine | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return null;
    return { pid, parent: Number(parent), state, name: text.slice(text.indexOf('(') + 1, text.lastIndexOf(')')) };
  } catch {
    return null;
  }
}
