import {
  compileRemove,
  stepsOfDependants,
  unitOfKey,
  type CompiledRemoval,
  type PlaceOptions,
} from '../bundles/index.js';
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
  /** By unit: those that depend on it, at first hand. */
  dependants: ReadonlyMap<string, ReadonlySet<string>>;
  /** By unit, as far as that is known. */
  roles: ReadonlyMap<string, string>;
}

export interface RemovalWish {
  units: readonly StandingUnit[];
  standing: DeploymentStanding;
  /** The bundle of a version of the deployment; it may throw. */
  laidBy: (version: number) => LaidBy;
  /** Whether a unit's steps are needed; `isOutside`: those that say goodbye to something outside. Default: all. */
  isNeeded?: (unit: StandingUnit, isOutside: boolean) => boolean;
  /** The deployment ends: a step that fails is left out, and only units that have steps are forgotten. */
  isEnd?: boolean;
}

/** Of a node that does not answer while its deployment ends: it is given up after so long. */
const GIVE_UP_SECONDS = 30;

/** Takes units off their nodes by the `remove` steps of the bundle that laid them: those that depend on others first. */
export function removalOfUnits(wish: RemovalWish): UnitRemoval {
  const { units, standing, isNeeded = () => true, isEnd = false } = wish;
  const notices: string[] = [];
  const byVersion = compiledByVersion(wish, notices);
  const own = units.flatMap((unit) => {
    const compiled = byVersion.get(unit.version);
    return compiled === undefined ? [] : ownSteps(unit, compiled, (isOutside) => isNeeded(unit, isOutside));
  });
  const order = orderOf([...byVersion.values()]);
  const before = stepsOfDependants(
    own.map((each) => ({ ...each, key: each.key.slice(PREFIX.length) })),
    order.dependants,
  );
  const steps = own.map((each) => {
    const others = [...before(unitOfRemoval(each.key))].map((key) => `${PREFIX}${key}`);
    const placed = { ...each, after: [...new Set([...each.after, ...others])] };
    return isEnd ? { ...placed, mayFail: true, input: { ...each.input, giveUpSeconds: GIVE_UP_SECONDS } } : placed;
  });
  const forgotten = units.map((unit) => forgetStep(unit, standing, steps, isEnd));
  return { steps: [...steps, ...forgotten.filter(({ after }) => !isEnd || after.length > 0)], notices, ...order };
}

/** The keys of the steps that take a unit away. */
export function removalStepsOf({ steps }: { steps: readonly StepSpec[] }, unit: string): string[] {
  return steps.map(({ key }) => key).filter((key) => key.startsWith(`${PREFIX}${unit}:`));
}

/** The unit that a step takes away. */
export function unitOfRemoval(key: string): string {
  return unitOfKey(key.slice(PREFIX.length));
}

/** Newest first. What cannot be compiled any more is told. */
function compiledByVersion({ units, standing, laidBy }: RemovalWish, notices: string[]): Map<number, CompiledRemoval> {
  const versions = [...new Set(units.map((unit) => unit.version))].sort((a, b) => b - a);
  const found = new Map<number, CompiledRemoval>();
  for (const version of versions) {
    try {
      found.set(version, compileRemove({ ...laidBy(version), known: knownDeployment(standing) }));
    } catch (error) {
      const names = units.filter((unit) => unit.version === version).map((unit) => unit.name);
      notices.push(`${names.join(', ')}: no remove steps run, because ${messageOf(error)}`);
    }
  }
  return found;
}

function ownSteps(unit: StandingUnit, compiled: CompiledRemoval, isNeeded: (isOutside: boolean) => boolean) {
  const steps = compiled.plan.steps.filter(
    ({ key }) => unitOfKey(key) === unit.name && isNeeded(compiled.outside.has(key)),
  );
  const keys = new Set(steps.map(({ key }) => key));
  return steps.map((each) => ({
    ...each,
    key: `${PREFIX}${each.key}`,
    after: each.after.filter((before) => keys.has(before)).map((before) => `${PREFIX}${before}`),
  }));
}

/** A unit's place is what the newest bundle that has it says; what different bundles say is not mixed. */
function orderOf(compiled: readonly CompiledRemoval[]): Pick<UnitRemoval, 'dependants' | 'roles'> {
  const dependants = new Map<string, ReadonlySet<string>>();
  const roles = new Map<string, string>();
  for (const { units, dependants: said } of compiled) {
    const placed = new Map(units.filter(({ name }) => !roles.has(name)).map(({ name, role }) => [name, role]));
    for (const [name, others] of said)
      if (placed.has(name)) dependants.set(name, new Set([...others].filter((other) => placed.has(other))));
    for (const [name, role] of placed) roles.set(name, role);
  }
  return { dependants, roles };
}

function forgetStep(
  unit: StandingUnit,
  standing: DeploymentStanding,
  steps: readonly StepSpec[],
  isEnd: boolean,
): StepSpec {
  const [node] = Object.entries(standing.nodes).find(([, { nodeId }]) => nodeId === unit.nodeId) ?? ['?'];
  const after = removalStepsOf({ steps }, unit.name);
  return step({
    key: `${PREFIX}${unit.name}:forget`,
    kind: 'deployment.forget-unit',
    title: `${unit.name}: forget it on node ${node}`,
    lane: `node/${node}`,
    input: { unit: unit.name, nodeId: unit.nodeId, ...(isEnd ? { removedBy: after } : {}) },
    after,
    timeoutSeconds: 60,
  });
}
