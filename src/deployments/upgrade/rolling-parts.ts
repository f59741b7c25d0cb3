import { isUnitStep, type PlannedUnit, type Standing } from '../../bundles/index.js';
import type { Plan, StepSpec } from '../../plan/index.js';

export interface RollingParts {
  /** The plan of the difference, in whatever order its edges allow. */
  plan: Plan;
  units: readonly PlannedUnit[];
  /** Applications, who is needed first. */
  order: readonly string[];
  /** The failure domain of a node, by its key. */
  domainOf: (node: string) => string;
  /** So many units of an application at once, within one domain. */
  batch: number;
  /** All steps that prove something, of all units. */
  checks: readonly StepSpec[];
  /** Keys of the steps of the plan that only prove. */
  verify: ReadonlySet<string>;
  standing: Standing;
}

/** The steps of units that change something. */
export function changingSteps({ plan, verify }: Pick<RollingParts, 'plan' | 'verify'>): StepSpec[] {
  return plan.steps.filter(({ key }) => isUnitStep(key) && !verify.has(key));
}
