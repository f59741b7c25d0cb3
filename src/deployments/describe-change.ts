import { optionChanges, type OptionChange, type StepChange } from '../bundles/index.js';
import type { ExistingNode, NodePreview } from '../clouds/index.js';
import type { LoadedDeployment } from './compile-deployment.js';
import { leaving } from './deployment-plan.js';
import { surplusOf, type Prepared } from './deployment-planner.js';
import type { OutdatedNode } from './outdated-nodes.js';

/** What one unit is in for. */
export interface UnitChange {
  unit: string;
  change: 'add' | 'remove' | 'move' | 'change';
  role: string | null;
  /** Key of the node it is on afterwards; null: on none. */
  node: string | null;
  /** Key of the node it was on. */
  from: string | null;
  steps: { step: string; why: StepChange }[];
}

/** The difference between a bundle and a deployment. */
export interface DeploymentDiff {
  nodes: { key: string; change: 'add' | 'remove'; name: string | null }[];
  units: UnitChange[];
  options: OptionChange[];
  /** Steps that would run again but are done once: see the roles' documentation. */
  keptBack: string[];
  /** Steps whose last run a person left out, and why: they run only where `units` names them. */
  skipped: { step: string; why: string; runs: boolean }[];
  /** Nodes that stay as they were made although something else is wanted of them. */
  outdated: OutdatedNode[];
  unchanged: number;
}

export function deploymentDiff(
  prepared: Prepared,
  before: Pick<LoadedDeployment, 'bundle' | 'roles'> | null,
): DeploymentDiff {
  const { requests, existing, compiled, diff } = prepared;
  const units = [...leavingForGood(prepared), ...stayingUnits(prepared)];
  return {
    nodes: [
      ...prepared.replaced.nodes.map(({ key, name }) => ({ key, change: 'remove' as const, name })),
      ...requests
        .filter(({ key }) => !existing.has(key))
        .map(({ key }) => ({ key, change: 'add' as const, name: null })),
      ...surplusOf(prepared).map(({ key, name }) => ({ key, change: 'remove' as const, name })),
    ],
    units,
    options: before === null ? [] : optionChanges(before, compiled),
    keptBack: diff.keptBack,
    skipped: [...diff.skipped].map(([key, why]) => ({ step: key, why, runs: diff.changes.has(key) })),
    outdated: prepared.outdated,
    unchanged: compiled.compiled.units.length - units.filter(({ change }) => change !== 'remove').length,
  };
}

function nodeKeyOf(prepared: Prepared, unit: string): string | null {
  const nodeId = prepared.standing.units.find(({ name }) => name === unit)?.nodeId;
  return Object.entries(prepared.standing.nodes).find(([, node]) => node.nodeId === nodeId)?.[0] ?? null;
}

function leavingForGood(prepared: Prepared): UnitChange[] {
  const wanted = new Set(prepared.compiled.compiled.units.map((unit) => unit.name));
  return prepared.leaving
    .filter(({ name }) => !wanted.has(name))
    .map(({ name }) => ({
      ...{ unit: name, change: 'remove' as const, role: null, node: null },
      ...{ from: nodeKeyOf(prepared, name), steps: [] },
    }));
}

function stayingUnits(prepared: Prepared): UnitChange[] {
  const { compiled, diff, leaving, standing } = prepared;
  const stood = new Set(standing.units.map((unit) => unit.name));
  const moving = new Set(leaving.map((unit) => unit.name));
  const steps = stepsByUnit(diff.changes);
  return compiled.compiled.units.flatMap((unit): UnitChange[] => {
    const own = steps.get(unit.name) ?? [];
    if (own.every(({ why }) => why === 'verify')) return [];
    const change = moving.has(unit.name) ? 'move' : stood.has(unit.name) ? 'change' : 'add';
    const from = change === 'add' ? null : nodeKeyOf(prepared, unit.name);
    return [{ unit: unit.name, change, role: unit.role, node: unit.node, from, steps: own }];
  });
}

function stepsByUnit(changes: ReadonlyMap<string, StepChange>): Map<string, UnitChange['steps']> {
  const byUnit = new Map<string, UnitChange['steps']>();
  for (const [key, why] of changes) {
    const unit = key.slice(0, key.indexOf(':'));
    const steps = byUnit.get(unit) ?? [];
    steps.push({ step: key.slice(unit.length + 1), why });
    byUnit.set(unit, steps);
  }
  return byUnit;
}

/** What a plan does, a line each, in the order in which it is done. */
export function changesOf(prepared: Prepared, diff: DeploymentDiff, previews: readonly NodePreview[]): string[] {
  const choice = new Map(previews.map((preview) => [preview.key, preview.choice]));
  const misfits = new Map(previews.map((preview) => [preview.key, preview.misfits ?? []]));
  const added = prepared.requests.filter(({ key }) => !prepared.existing.has(key));
  const verify = [...prepared.diff.changes.values()].filter((why) => why === 'verify').length;
  return [
    ...diff.options.map(
      ({ application, option, before, after }) =>
        `set ${application}.${option}: ${before ?? 'the default'} -> ${after ?? 'the default'}`,
    ),
    ...prepared.notices,
    ...prepared.replaced.nodes.map((node) => replacedLine(prepared, node)),
    ...added.flatMap(({ key, base }) => [
      `deploy ${base.os}@${base.release} to node ${key}: ${choice.get(key) ?? ''}`,
      ...(misfits.get(key) ?? []).map((line) => `  ${line}`),
    ]),
    ...diff.units.map((unit) => unitLine(unit, prepared.diff.skipped)),
    ...(verify > 0 && prepared.before !== null ? [`verify: ${verify} checks`] : []),
    ...surplusOf(prepared).map((node) => prepared.provider.removalOf(leaving(node), false).change),
  ];
}

function replacedLine({ replaced, provider }: Prepared, node: ExistingNode): string {
  const { key, name } = node;
  if (replaced.isLost) return `let node ${key} (${name}) go unreached; another takes its place`;
  return `${provider.removalOf(node, false).change}; another takes its place`;
}

function unitLine({ unit, change, role, node, from, steps }: UnitChange, skipped: ReadonlyMap<string, string>): string {
  const before = (name: string) => {
    const why = skipped.get(`${unit}:${name}`);
    return why === undefined ? '' : `; it was skipped before: ${why}`;
  };
  switch (change) {
    case 'add':
      return `lay ${role} as ${unit} on node ${node}`;
    case 'remove':
      return `remove ${unit} from node ${from}`;
    case 'move':
      return from === node ? `move ${unit} to the new node ${node}` : `move ${unit} from node ${from} to node ${node}`;
    case 'change':
      return `change ${unit} on node ${node}: ${steps.map(({ step, why }) => `${step} (${why}${before(step)})`).join(', ')}`;
  }
}
