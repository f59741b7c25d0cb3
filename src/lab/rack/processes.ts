import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { messageOf, MusterError } from '../../error.js';
import { systemClock } from '../../platform/clock.js';
import type { RecordedProcess } from './rack-state.js';

/** When the process began, in clock ticks since boot; null when there is none of that pid, or a dead one. proc(5). */
export function startTimeOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name is in parentheses and may hold anything; fields are counted after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null; // no such process
  }
}

export function isAlive(process: Pick<RecordedProcess, 'pid' | 'startTime'>): boolean {
  return startTimeOf(process.pid) === process.startTime;
}

/** Starts a program that outlives us, its output appended to a file. */
export function startDetached(
  argv: readonly string[],
  options: { what: string; outputFile: string; environment?: Record<string, string> },
): Promise<RecordedProcess> {
  const [program = '', ...args] = argv;
  const output = openSync(options.outputFile, 'a', 0o600);
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', output, output],
    ...(options.environment === undefined ? {} : { env: options.environment }),
  });
  closeSync(output);
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(options.what, messageOf(error))));
    child.once('spawn', () => {
      const { pid } = child;
      const startTime = pid === undefined ? null : startTimeOf(pid);
      child.unref();
      if (pid === undefined || startTime === null) reject(cannotStart(options.what, `see ${options.outputFile}`));
      else resolve({ pid, startTime, what: options.what });
    });
  });
}

function cannotStart(what: string, reason: string): MusterError {
  return new MusterError('internal', `cannot start ${what}: ${reason}`);
}

/** Asks processes to end, waits, and kills those that stay. Others of the same pid are not touched. */
export async function endProcesses(
  processes: readonly Pick<RecordedProcess, 'pid' | 'startTime'>[],
  graceMs: number,
): Promise<void> {
  const send = (signal: NodeJS.Signals) => {
    for (const each of processes) if (isAlive(each)) sendSignal(each.pid, signal);
  };
  send('SIGTERM');
  await untilGone(processes, graceMs);
  send('SIGKILL');
  await untilGone(processes, 10_000);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown; // it ended by itself meanwhile
  }
}

async function untilGone(processes: readonly Pick<RecordedProcess, 'pid' | 'startTime'>[], ms: number): Promise<void> {
  for (let waited = 0; waited < ms && processes.some(isAlive); waited += 20) await systemClock.sleep(20);
}
