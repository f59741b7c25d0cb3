import type { StepStatus } from './status.js';

export interface EstimateStep {
  id: string;
  kind: string;
  status: StepStatus;
  /** 0 to 100. */
  percent: number;
  startedAt: Date | null;
}

export interface Estimate {
  /** 0 to 100, by expected time, not by count. */
  percent: number;
  /** Null where nothing is left, or nothing is known. */
  secondsLeft: number | null;
}

/** For kinds that have never succeeded here. */
export const UNKNOWN_SECONDS = 30;

/**
 * How far a run is and how long it will take: every step counts as long as its kind usually takes. What is left is the
 * longest chain of unfinished steps, or all of them spread over `atOnce`, whichever is more.
 */
export function estimate(
  steps: readonly EstimateStep[],
  edges: readonly { before: string; after: string }[],
  usualSeconds: ReadonlyMap<string, number>,
  now: Date,
  atOnce: number,
): Estimate {
  const whole = new Map(steps.map((step) => [step.id, usualSeconds.get(step.kind) ?? UNKNOWN_SECONDS]));
  const left = new Map(steps.map((step) => [step.id, secondsLeftOf(step, whole.get(step.id) ?? 0, now)]));
  // A step that crawls will have taken longer than its kind usually does: what it has done counts all the same.
  const spent = sum(steps.map((step) => spentOn(step, whole.get(step.id) ?? 0, now)));
  const remaining = sum(left.values());
  const percent = spent + remaining === 0 ? 100 : Math.floor((100 * spent) / (spent + remaining));
  if (steps.every((step) => isOver(step.status))) return { percent: 100, secondsLeft: null };
  return { percent, secondsLeft: Math.round(Math.max(longestChain(left, edges), remaining / Math.max(1, atOnce))) };
}

function isOver(status: StepStatus): boolean {
  return status === 'succeeded' || status === 'skipped' || status === 'cancelled';
}

function spentOn(step: EstimateStep, whole: number, now: Date): number {
  if (isOver(step.status)) return whole;
  return step.status === 'running' ? elapsedOf(step, now) : 0;
}

function elapsedOf({ startedAt }: EstimateStep, now: Date): number {
  return startedAt === null ? 0 : Math.max(0, (now.getTime() - startedAt.getTime()) / 1000);
}

function secondsLeftOf(step: EstimateStep, whole: number, now: Date): number {
  if (isOver(step.status)) return 0;
  if (step.status !== 'running' || step.startedAt === null) return whole;
  const elapsed = elapsedOf(step, now);
  // Its own word is worth more than the past once it has said enough to reckon with.
  if (step.percent >= 5) return Math.min((elapsed * (100 - step.percent)) / step.percent, whole * 10);
  // Longer than usual already: the tail shrinks, but does not end.
  return Math.max(whole - elapsed, whole / 10);
}

function longestChain(left: ReadonlyMap<string, number>, edges: readonly { before: string; after: string }[]): number {
  const successors = new Map<string, string[]>();
  const pending = new Map<string, number>();
  for (const { before, after } of edges) {
    const list = successors.get(before);
    if (list === undefined) successors.set(before, [after]);
    else list.push(after);
    pending.set(after, (pending.get(after) ?? 0) + 1);
  }
  const finish = new Map<string, number>();
  const free = [...left.keys()].filter((id) => !pending.has(id));
  let longest = 0;
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    const end = (finish.get(id) ?? 0) + (left.get(id) ?? 0);
    longest = Math.max(longest, end);
    for (const next of successors.get(id) ?? []) {
      finish.set(next, Math.max(finish.get(next) ?? 0, end));
      const count = (pending.get(next) ?? 0) - 1;
      pending.set(next, count);
      if (count === 0) free.push(next);
    }
  }
  return longest;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
