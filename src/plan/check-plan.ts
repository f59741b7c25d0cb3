import { isOutputReference, type OutputReference, type Plan, type StepSpec } from './step-spec.js';
import type { JsonObject, JsonValue } from './json.js';

/** One thing wrong with a plan; `at` is a step's key, or '' for the plan as a whole. */
export interface PlanProblem {
  at: string;
  message: string;
}

/** Every {@link OutputReference} anywhere in a value, in reading order. */
export function outputReferencesIn(value: JsonValue): OutputReference['$output'][] {
  if (typeof value !== 'object' || value === null) return [];
  if (isOutputReference(value)) return [value.$output];
  return (Array.isArray(value) ? value : Object.values(value)).flatMap(outputReferencesIn);
}

/** A copy of `input` with every reference replaced by what `lookUp` gives for it. */
export function fillInOutputs(
  input: JsonObject,
  lookUp: (reference: OutputReference['$output']) => JsonValue,
): JsonObject {
  const fill = (value: JsonValue): JsonValue => {
    if (typeof value !== 'object' || value === null) return value;
    if (isOutputReference(value)) return lookUp(value.$output);
    if (Array.isArray(value)) return value.map(fill);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner)]));
  };
  return fill(input) as JsonObject;
}

/**
 * All problems of a plan: keys twice, unknown kinds, edges to nowhere, cycles, bounds, references to a step that does
 * not come before. Linear in steps and edges, but for the references: each walks its step's predecessors.
 */
export function checkPlan(plan: Plan, isKnownKind: (kind: string) => boolean): PlanProblem[] {
  const byKey = new Map<string, StepSpec>();
  const problems: PlanProblem[] = [];
  for (const spec of plan.steps) {
    if (byKey.has(spec.key)) problems.push({ at: spec.key, message: 'this key is used twice' });
    byKey.set(spec.key, spec);
  }
  for (const spec of plan.steps) problems.push(...checkStep(spec, byKey, isKnownKind));
  const cycle = findCycle(byKey);
  if (cycle !== null) {
    return [...problems, { at: cycle[0] ?? '', message: `the steps wait for each other: ${cycle.join(' -> ')}` }];
  }
  for (const spec of plan.steps) problems.push(...checkReferences(spec, byKey));
  return problems;
}

function checkStep(
  spec: StepSpec,
  byKey: ReadonlyMap<string, StepSpec>,
  isKnownKind: (kind: string) => boolean,
): PlanProblem[] {
  const wrong: string[] = [];
  if (spec.key === '') wrong.push('a step needs a key');
  if (!isKnownKind(spec.kind)) wrong.push(`nothing handles the kind "${spec.kind}"`);
  for (const before of spec.after) if (!byKey.has(before)) wrong.push(`it comes after "${before}", which is not there`);
  if (new Set(spec.after).size !== spec.after.length) wrong.push('it names a predecessor twice');
  for (const name of ['timeoutSeconds', 'stallSeconds'] as const) {
    if (!(Number.isInteger(spec[name]) && spec[name] > 0)) wrong.push(`${name} must be a whole number above 0`);
  }
  if (!(Number.isInteger(spec.retries) && spec.retries >= 0)) wrong.push('retries must be a whole number from 0');
  return wrong.map((message) => ({ at: spec.key, message }));
}

/** Some cycle among the steps as keys, the first repeated at the end; null where there is none. */
function findCycle(byKey: ReadonlyMap<string, StepSpec>): string[] | null {
  const pending = new Map<string, number>();
  const successors = new Map<string, string[]>();
  for (const [key, spec] of byKey) {
    const before = [...new Set(spec.after)].filter((name) => byKey.has(name));
    pending.set(key, before.length);
    for (const name of before) successors.set(name, [...(successors.get(name) ?? []), key]);
  }
  const free = [...pending].filter(([, count]) => count === 0).map(([key]) => key);
  for (let key = free.pop(); key !== undefined; key = free.pop()) {
    pending.delete(key);
    for (const next of successors.get(key) ?? []) {
      const left = (pending.get(next) ?? 0) - 1;
      pending.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return pending.size === 0 ? null : walkBackToRepetition(pending, byKey);
}

/** Every step that is left has a predecessor that is left, so walking back must come round. */
function walkBackToRepetition(left: ReadonlyMap<string, number>, byKey: ReadonlyMap<string, StepSpec>): string[] {
  const path: string[] = [];
  let key = left.keys().next().value;
  while (key !== undefined && !path.includes(key)) {
    path.unshift(key);
    key = byKey.get(key)?.after.find((name) => left.has(name));
  }
  return key === undefined ? path : [key, ...path.slice(0, path.indexOf(key) + 1)];
}

function checkReferences(spec: StepSpec, byKey: ReadonlyMap<string, StepSpec>): PlanProblem[] {
  const references = outputReferencesIn(spec.input);
  if (references.length === 0) return [];
  const before = predecessorsOf(spec, byKey);
  return references.flatMap((reference) => {
    if (typeof reference.step !== 'string' || typeof reference.name !== 'string') {
      return [{ at: spec.key, message: 'an output reference needs a step and a name' }];
    }
    if (before.has(reference.step) || typeof reference.stepId === 'string') return [];
    if (reference.step === spec.key && spec.given?.includes(reference.name) === true) return [];
    return [
      { at: spec.key, message: `it uses "${reference.name}" of "${reference.step}", but does not come after it` },
    ];
  });
}

function predecessorsOf(spec: StepSpec, byKey: ReadonlyMap<string, StepSpec>): Set<string> {
  const seen = new Set<string>();
  const open = [...spec.after];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...(byKey.get(key)?.after ?? []));
  }
  return seen;
}
