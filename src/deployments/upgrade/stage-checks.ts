import { sorted, unitOfKey, type PlannedUnit } from '../../bundles/index.js';
import {
  fillInOutputs,
  outputOf,
  storedOutputOf,
  type JsonObject,
  type JsonValue,
  type OutputReference,
  type StepSpec,
} from '../../plan/index.js';
import type { RollingParts } from './rolling-parts.js';
import type { Slot } from './stages.js';

interface At {
  slots: readonly Slot[];
  /** By key of a changing step: the number of its slot, from 0. */
  slotOf: ReadonlyMap<string, number>;
  index: number;
  /** Those that the slot has touched. */
  units: readonly string[];
}

/** Where a check refers to what nobody has published yet, it cannot be asked. */
const NOWHERE = Symbol('nowhere');

/**
 * The checks after a slot: those of the units that it has touched, of who rides on them or carries them, and of the
 * application's first unit, which often speaks for all. Who has its own turn still to come is asked after that.
 */
export function checksFor(parts: RollingParts, at: At): StepSpec[] {
  const asked = askedUnits(parts, at);
  const ends = at.slots[at.index]?.steps ?? [];
  const copies = new Map<string, StepSpec>();
  for (const check of sorted(parts.checks)) {
    if (!asked.has(unitOfKey(check.key))) continue;
    const input = inputAt(parts, at, check, copies);
    if (input === null) continue;
    const others = check.after.flatMap((key) => copies.get(key)?.key ?? []);
    const nodes = check.after.filter(
      (key) => key.startsWith('node/') && parts.plan.steps.some((each) => each.key === key),
    );
    copies.set(check.key, {
      ...check,
      key: `check/${at.index + 1}/${check.key}`,
      input,
      after: [...new Set([...ends, ...nodes, ...others])],
    });
  }
  return [...copies.values()];
}

function askedUnits({ units }: RollingParts, { slots, index, units: touched }: At): ReadonlySet<string> {
  const later = new Set(slots.slice(index + 1).flatMap(({ steps }) => steps.map(unitOfKey)));
  const own = units.filter(({ name }) => touched.includes(name));
  const isClose = (unit: PlannedUnit) =>
    own.some(
      (other) =>
        unit.principal === other.name ||
        other.principal === unit.name ||
        (unit.leader && unit.application === other.application),
    );
  const close = units.filter((unit) => !later.has(unit.name) && isClose(unit));
  return new Set([...touched, ...close.map(({ name }) => name)]);
}

/** With what is published by then; null: it cannot be asked yet. */
function inputAt(
  parts: RollingParts,
  at: At,
  check: StepSpec,
  copies: ReadonlyMap<string, StepSpec>,
): JsonObject | null {
  const unknown: string[] = [];
  const input = fillInOutputs(check.input, (reference) => {
    const value = valueAt(parts, at, reference, copies);
    if (value !== NOWHERE) return value;
    unknown.push(reference.step);
    return null;
  });
  return unknown.length === 0 ? input : null;
}

function valueAt(
  { plan, standing }: RollingParts,
  { slotOf, index }: At,
  reference: OutputReference['$output'],
  copies: ReadonlyMap<string, StepSpec>,
): JsonValue | typeof NOWHERE {
  const { step, name } = reference;
  if (reference.stepId !== undefined) return { $output: reference };
  const [, node] = /^node\/(.+):ready$/.exec(step) ?? [];
  const stands = node === undefined ? undefined : standing.nodes[node];
  if (stands !== undefined && (name === 'nodeId' || name === 'address')) return stands[name];
  const copy = copies.get(step);
  if (copy !== undefined) return outputOf(copy.key, name);
  const slot = slotOf.get(step);
  if (slot !== undefined && slot <= index) return { $output: reference };
  if (node !== undefined && plan.steps.some(({ key }) => key === step)) return { $output: reference };
  const applied = standing.steps.get(step);
  return applied === undefined || !(name in applied.outputs) ? NOWHERE : storedOutputOf(applied.stepId, step, name);
}
