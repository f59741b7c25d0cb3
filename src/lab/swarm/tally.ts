import { BOOT_PARTS, type Boot, type BootPart } from './machine-boot.js';

export interface Retries {
  dhcp: number;
  tftp: number;
  http: number;
}

/** What a swarm saw of its server. Seconds throughout. */
export interface SwarmTally {
  machines: number;
  /** Machines begun per second. */
  rate: number;
  served: number;
  lost: number;
  /** Two machines with one address, or under one record. */
  doubled: number;
  retries: Retries;
  bootFilesWhole: number;
  totalSeconds: number;
  /** From its first DISCOVER to its stored facts, of the served. */
  p50Seconds: number;
  p99Seconds: number;
  parts: Partial<Record<BootPart, { p50Seconds: number; p99Seconds: number }>>;
  /** The most frequent reasons, with an example. */
  failures: { count: number; example: string }[];
}

export function tallyOf(
  boots: readonly Boot[],
  { rate, retries, totalSeconds }: { rate: number; retries: Retries; totalSeconds: number },
): SwarmTally {
  const served = boots.filter((boot) => boot.failure === null);
  const parts = BOOT_PARTS.map((part) => [part, timesOf(served.flatMap((boot) => boot.partsMs[part] ?? []))] as const);
  return {
    machines: boots.length,
    rate,
    served: served.length,
    lost: boots.length - served.length,
    doubled: doublesAmong(boots.map((boot) => boot.address)) + doublesAmong(boots.map((boot) => boot.serverId)),
    retries,
    bootFilesWhole: served.filter((boot) => boot.wholeBootFile).length,
    totalSeconds: rounded(totalSeconds),
    ...timesOf(served.map((boot) => boot.durationMs)),
    parts: Object.fromEntries(parts),
    failures: failuresOf(boots),
  };
}

/** How many have what another had before them; those that have nothing do not count. */
export function doublesAmong(values: readonly (string | null)[]): number {
  const had = values.filter((value) => value !== null);
  return had.length - new Set(had).size;
}

/** The value that this part of all does not exceed (nearest rank); 0 of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

function timesOf(valuesMs: readonly number[]): { p50Seconds: number; p99Seconds: number } {
  const seconds = (part: number) => rounded(percentile(valuesMs, part) / 1000);
  return { p50Seconds: seconds(0.5), p99Seconds: seconds(0.99) };
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

function failuresOf(boots: readonly Boot[]): { count: number; example: string }[] {
  const kinds = new Map<string, { count: number; example: string }>();
  for (const { failure, machine } of boots) {
    if (failure === null) continue;
    const kind = failure.replace(/[0-9a-f]{2,}|\d+/g, '#');
    const known = kinds.get(kind) ?? { count: 0, example: `${machine}: ${failure}` };
    kinds.set(kind, { ...known, count: known.count + 1 });
  }
  return [...kinds.values()].sort((a, b) => b.count - a.count).slice(0, 5);
}
