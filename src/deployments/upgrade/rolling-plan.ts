import { unitOfKey } from '../../bundles/index.js';
import { checkPlan, step, type Plan, type StepSpec } from '../../plan/index.js';
import type { RollingParts } from './rolling-parts.js';
import { checksFor } from './stage-checks.js';
import { slotsOf, stagesOf, type Slot } from './stages.js';

/** What is done at once, before its checks have to pass. */
export interface RollingStage {
  domain: string;
  application: string;
  units: { unit: string; node: string; steps: string[] }[];
  /** Keys of the checks, as the bundle has them. */
  checks: string[];
}

/** The step that ends the stage with this number, from 1. */
export function stageEnd(number: number): string {
  return `upgrade/${number}`;
}

/**
 * The same steps one failure domain at a time: units of an application in turn, applications in the order of what they
 * need, and after each the checks of what was touched; nothing goes on before they pass. A step that reads what a unit
 * will publish whose turn comes later waits for a second round, in the same order. Throws where that cannot be.
 */
export function rollingPlan(parts: RollingParts): { plan: Plan; stages: RollingStage[] } {
  const stages = stagesOf(parts);
  const slots = slotsOf(parts, stages);
  const slotOf = new Map(slots.flatMap((slot, index) => slot.steps.map((key) => [key, index] as const)));
  const checks = slots.map((slot, index) => checksFor(parts, { slots, slotOf, index, units: unitsOf(slot) }));
  const ends = slots.map((slot, index) => endOf(parts, slot, index, checks[index] ?? []));
  const steps = parts.plan.steps.map((each) => {
    const before = previousEnd(each, slotOf, ends, parts.verify);
    return before === null ? each : { ...each, after: [...new Set([...each.after, before])] };
  });
  const plan = { steps: [...steps, ...checks.flat(), ...ends] };
  const [problem] = checkPlan(plan, () => true);
  if (problem !== undefined) throw new Error(`cannot put the upgrade in order: ${problem.at}: ${problem.message}`);
  return { plan, stages: slots.map((slot, index) => described(parts, slot, checks[index] ?? [])) };
}

const unitsOf = (slot: Slot) => [...new Set(slot.steps.map(unitOfKey))];

/** A stage begins when the one before it has ended well; what proves the whole, after the last. */
function previousEnd(
  { key }: StepSpec,
  slotOf: ReadonlyMap<string, number>,
  ends: readonly StepSpec[],
  verify: ReadonlySet<string>,
): string | null {
  const slot = verify.has(key) ? ends.length : slotOf.get(key);
  return slot === undefined || slot === 0 ? null : (ends[slot - 1]?.key ?? null);
}

function endOf(parts: RollingParts, slot: Slot, index: number, checks: readonly StepSpec[]): StepSpec {
  const { application, domain } = slot.stage;
  return step({
    key: stageEnd(index + 1),
    kind: 'deployment.laid-down',
    title: `${application} in ${domain} is upgraded and healthy`,
    after: checks.length > 0 ? checks.map(({ key }) => key) : [...slot.steps],
  });
}

function described(parts: RollingParts, slot: Slot, checks: readonly StepSpec[]): RollingStage {
  const { application, domain } = slot.stage;
  const nodeOf = new Map(parts.units.map((unit) => [unit.name, unit.node]));
  return {
    ...{ application, domain },
    units: unitsOf(slot).map((unit) => ({
      ...{ unit, node: nodeOf.get(unit) ?? '' },
      steps: slot.steps.filter((key) => unitOfKey(key) === unit).map((key) => key.slice(unit.length + 1)),
    })),
    checks: checks.map(({ key }) => key.replace(/^check\/\d+\//, '')),
  };
}
