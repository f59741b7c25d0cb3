import { compileRemove, type PlaceOptions } from '../bundles/index.js';
import { messageOf } from '../error.js';
import { step, type StepSpec } from '../plan/index.js';
import type { CompiledDeployment } from './compile-deployment.js';
import { knownDeployment, type DeploymentStanding, type StandingUnit } from './standing.js';

/** Steps that remove units, with their keys under this, apart from those that lay them down. */
const PREFIX = 'remove/';

/** The bundle and roles that laid a unit down. */
export type LaidBy = Pick<CompiledDeployment, 'bundle' | 'roles'> & { options: PlaceOptions };

export interface UnitRemoval {
  steps: StepSpec[];
  /** Units that cannot be removed properly, and why: they are forgotten as they are. */
  notices: string[];
}

/**
 * Takes units off their nodes by the `remove` steps of the bundle that laid them: those that depend on others first.
 * `laidBy` gives that bundle for a version of the deployment; it may throw.
 */
export function removalOfUnits(
  units: readonly StandingUnit[],
  standing: DeploymentStanding,
  laidBy: (version: number) => LaidBy,
): UnitRemoval {
  const notices: string[] = [];
  const versions = [...new Set(units.map((unit) => unit.version))].sort((a, b) => b - a);
  const steps = versions.flatMap((version) => {
    const names = new Set(units.filter((unit) => unit.version === version).map((unit) => unit.name));
    try {
      return removeSteps(names, standing, laidBy(version));
    } catch (error) {
      notices.push(`${[...names].join(', ')}: no remove steps run, because ${messageOf(error)}`);
      return [];
    }
  });
  return { steps: [...steps, ...units.map((unit) => forgetStep(unit, standing, steps))], notices };
}

function removeSteps(names: ReadonlySet<string>, standing: DeploymentStanding, laid: LaidBy): StepSpec[] {
  const compiled = compileRemove({ ...laid, known: knownDeployment(standing) });
  const mine = (key: string) => names.has(key.slice(0, key.indexOf(':')));
  return compiled.plan.steps
    .filter(({ key }) => mine(key))
    .map((each) => ({
      ...each,
      key: `${PREFIX}${each.key}`,
      after: each.after.filter(mine).map((before) => `${PREFIX}${before}`),
    }));
}

function forgetStep(unit: StandingUnit, standing: DeploymentStanding, steps: readonly StepSpec[]): StepSpec {
  const [node] = Object.entries(standing.nodes).find(([, { nodeId }]) => nodeId === unit.nodeId) ?? ['?'];
  return step({
    key: `${PREFIX}${unit.name}:forget`,
    kind: 'deployment.forget-unit',
    title: `${unit.name}: forget it on node ${node}`,
    lane: `node/${node}`,
    input: { unit: unit.name, nodeId: unit.nodeId },
    after: steps.map(({ key }) => key).filter((key) => key.startsWith(`${PREFIX}${unit.name}:`)),
    timeoutSeconds: 60,
  });
}
