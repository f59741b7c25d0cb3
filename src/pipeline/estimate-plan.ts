import type { Plan } from '../plan/index.js';
import { estimate, UNKNOWN_SECONDS } from './estimate.js';

/** How long a plan would take, from how long such steps took before. */
export interface PlanEstimate {
  seconds: number;
  /** Kinds of steps that never ran here: 30 s were taken for each. */
  guessed: string[];
}

/** A lane (a node) takes one step at a time, so that the fullest of them may take longer than the longest chain. */
export function estimatePlan(
  plan: Plan,
  usualSeconds: ReadonlyMap<string, number>,
  now: Date,
  atOnce: number,
): PlanEstimate {
  const steps = plan.steps.map(({ key, kind }) => ({
    ...{ id: key, kind, status: 'waiting' as const, percent: 0, startedAt: null },
  }));
  const edges = plan.steps.flatMap(({ key, after }) => after.map((before) => ({ before, after: key })));
  const whole = estimate(steps, edges, usualSeconds, now, atOnce).secondsLeft ?? 0;
  const lanes = new Map<string, number>();
  for (const { lane, kind } of plan.steps)
    if (lane !== null) lanes.set(lane, (lanes.get(lane) ?? 0) + (usualSeconds.get(kind) ?? UNKNOWN_SECONDS));
  const fullest = [...lanes.values()].reduce((most, seconds) => Math.max(most, seconds), 0);
  const kinds = [...new Set(plan.steps.map((step) => step.kind))].sort();
  return { seconds: Math.round(Math.max(whole, fullest)), guessed: kinds.filter((kind) => !usualSeconds.has(kind)) };
}
