import type { StepSpec } from '../plan/index.js';

/** The steps in an order in which each comes after its own (Kahn's); those on a circle are left out. */
export function sorted(steps: readonly StepSpec[]): StepSpec[] {
  const byKey = new Map(steps.map((step) => [step.key, step]));
  const waiting = new Map(steps.map((step) => [step.key, step.after.filter((key) => byKey.has(key)).length]));
  const followers = new Map<string, string[]>();
  for (const step of steps)
    for (const key of new Set(step.after)) {
      const known = followers.get(key);
      if (known) known.push(step.key);
      else followers.set(key, [step.key]);
    }
  const order = steps.filter((step) => waiting.get(step.key) === 0);
  for (const step of order)
    for (const key of followers.get(step.key) ?? []) {
      const left = (waiting.get(key) ?? 0) - 1;
      waiting.set(key, left);
      const follower = byKey.get(key);
      if (left === 0 && follower) order.push(follower);
    }
  return order;
}
