import { readFileSync } from 'node:fs';
import { processesIn } from '../rack/namespace.js';

const SAMPLE_MS = 500;
/** Samples between two looks at which processes there are. */
const LOOK_EVERY = 10;

/** Resident memory of a server's processes, as it was at its highest. */
export interface MemoryPeak {
  /** Summed over all processes, those of Postgres apart. What they share is counted as often as it is shared. */
  rssMegabytes: number;
  /** At the same moment, by process name and megabytes. */
  processes: { name: string; rssMegabytes: number }[];
}

/** Watches what runs in a namespace until it is asked for the peak. */
export async function watchMemory(namespace: string): Promise<() => MemoryPeak> {
  let pids = await pidsIn(namespace);
  let peak: MemoryPeak = { rssMegabytes: 0, processes: [] };
  let samples = 0;
  const sample = async () => {
    samples += 1;
    if (samples % LOOK_EVERY === 0) pids = await pidsIn(namespace);
    const processes = pids.flatMap((pid) => readProcess(pid) ?? []).filter(({ name }) => name !== 'postgres');
    const rssMegabytes = processes.reduce((sum, process) => sum + process.rssMegabytes, 0);
    if (rssMegabytes > peak.rssMegabytes) peak = { rssMegabytes, processes };
  };
  const timer = setInterval(() => void sample().catch(() => undefined), SAMPLE_MS);
  await sample();
  return () => {
    clearInterval(timer);
    return peak;
  };
}

async function pidsIn(namespace: string): Promise<number[]> {
  return (await processesIn(namespace)).map(({ pid }) => pid);
}

/** Null where the process is gone. */
function readProcess(pid: number): { name: string; rssMegabytes: number } | null {
  try {
    return parseStatus(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return null; // it ended between two looks
  }
}

/** proc_pid_status(5): `Name`, and `VmRSS` in kB. */
export function parseStatus(text: string): { name: string; rssMegabytes: number } {
  const name = /^Name:\s*(.+)$/m.exec(text)?.[1] ?? '';
  const kilobytes = Number(/^VmRSS:\s*(\d+) kB$/m.exec(text)?.[1] ?? 0);
  return { name, rssMegabytes: Math.round(kilobytes / 102.4) / 10 };
}
