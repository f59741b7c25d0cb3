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

/** `etcd/0` of `etcd/0:configure`. */
export function unitOfKey(key: string): string {
  return key.slice(0, key.indexOf(':'));
}

/**
 * By unit: the keys of the steps that come before its own where units go: those of its dependants, and where one has
 * none, of that one's dependants in turn.
 */
export function stepsOfDependants(
  steps: readonly StepSpec[],
  dependants: ReadonlyMap<string, ReadonlySet<string>>,
): (unit: string) => ReadonlySet<string> {
  const ofUnit = new Map<string, string[]>();
  for (const { key } of steps) ofUnit.set(unitOfKey(key), [...(ofUnit.get(unitOfKey(key)) ?? []), key]);
  const found = new Map<string, ReadonlySet<string>>();
  const before = (unit: string): ReadonlySet<string> => {
    const known = found.get(unit);
    if (known !== undefined) return known;
    // Of a circle one edge is left out.
    found.set(unit, new Set());
    const keys = [...(dependants.get(unit) ?? [])].flatMap((other) => ofUnit.get(other) ?? [...before(other)]);
    const set = new Set(keys);
    found.set(unit, set);
    return set;
  };
  return before;
}
