import type { CloudProvider, ExistingNode } from '../clouds/index.js';
import { checkPlan, step, type Plan, type StepSpec } from '../plan/index.js';
import { allRemovals, lastSteps } from './deployment-plan.js';
import { removalStepsOf, unitOfRemoval, type UnitRemoval } from './unit-removal.js';

interface Parts {
  nodes: readonly ExistingNode[];
  provider: CloudProvider;
  /** Keys of nodes that are let go unreached. */
  lost?: ReadonlySet<string>;
  /** The steps that take units away, and by unit the key of the node it is on. */
  removal?: UnitRemoval;
  nodeOf?: ReadonlyMap<string, string>;
}

/** Roles that lay what containers run on. */
const ENGINES = new Set(['lxd', 'fan']);

const NOTHING: UnitRemoval = { steps: [], notices: [], dependants: new Map(), roles: new Map() };

/**
 * Takes everything back: units leave where their nodes live on, dependants before what they depend on; then every node
 * goes to its cloud, or is let go unreached where `lost` names it; then the name is free. Containers go after who
 * depends on what is in them, and before what they run on.
 */
export function teardownPlan(parts: Parts): Plan {
  const plan = planOf(parts, true);
  // The order around containers is a wish: that a deployment ends is not.
  return checkPlan(plan, () => true).length === 0 ? plan : planOf(parts, false);
}

function planOf(
  { nodes, provider, lost = new Set(), removal = NOTHING, nodeOf = new Map() }: Parts,
  containersInOrder: boolean,
): Plan {
  const place = new Places(nodes, removal, nodeOf);
  const before = (node: ExistingNode) => place.stepsBefore(node, containersInOrder);
  const gone = allRemovals(nodes, provider, before, lost).map((each) =>
    place.isContainerStep(each) ? { ...each, mayFail: true } : each,
  );
  const left = removal.steps.map((each) => {
    const containers = containersInOrder ? place.containersBefore(each) : [];
    const deleted = containers
      .map((key) => `node/${key}:forget`)
      .filter((key) => gone.some((other) => other.key === key));
    return deleted.length === 0 ? each : { ...each, after: [...new Set([...each.after, ...deleted])] };
  });
  const steps = [...left, ...gone];
  const remove = step({
    key: 'deployment:remove',
    kind: 'deployment.remove',
    title: 'record that the deployment is gone',
    after: lastSteps(steps),
  });
  return { steps: [...steps, remove] };
}

/** Who is where, and so what goes before what. */
class Places {
  private readonly containers: readonly ExistingNode[];

  constructor(
    private readonly nodes: readonly ExistingNode[],
    private readonly removal: UnitRemoval,
    private readonly nodeOf: ReadonlyMap<string, string>,
  ) {
    this.containers = nodes.filter(isContainer);
  }

  /** The steps of units that a node waits for before it goes: of those on it, and of who depends on these. */
  stepsBefore(node: ExistingNode, containersInOrder: boolean): string[] {
    if (isContainer(node) && !containersInOrder) return [];
    const own = this.unitsOn(node);
    const units = isContainer(node) ? this.dependantsOf(own) : new Set([...own, ...this.dependantsOf(own)]);
    return [...units].flatMap((unit) => removalStepsOf(this.removal, unit));
  }

  isContainerStep({ key, kind }: StepSpec): boolean {
    return kind === 'node.script' && this.containers.some((container) => key.startsWith(`node/${container.key}:`));
  }

  /** The containers that a unit's step waits for: what is in them, or they themselves, stand on the unit. */
  containersBefore({ key }: StepSpec): string[] {
    if (this.containers.length === 0) return [];
    const unit = unitOfRemoval(key);
    const host = this.nodes.find((node) => node.key === this.nodeOf.get(unit));
    const dependants = this.dependantsOf([unit]);
    const isEngine = ENGINES.has(this.removal.roles.get(unit) ?? '');
    return this.containers
      .filter(({ hostNodeId }) => hostNodeId === host?.nodeId)
      .filter((container) => {
        const inside = this.unitsOn(container);
        return !this.dependantsOf(inside).has(unit) && (isEngine || inside.some((other) => dependants.has(other)));
      })
      .map((container) => container.key);
  }

  private unitsOn(node: ExistingNode): string[] {
    return [...this.nodeOf].filter(([, key]) => key === node.key).map(([unit]) => unit);
  }

  /** At any hand. */
  private dependantsOf(units: readonly string[]): ReadonlySet<string> {
    const found = new Set<string>();
    const open = [...units];
    for (let unit = open.pop(); unit !== undefined; unit = open.pop())
      for (const other of this.removal.dependants.get(unit) ?? []) {
        if (found.has(other)) continue;
        found.add(other);
        open.push(other);
      }
    return found;
  }
}

function isContainer(node: ExistingNode): boolean {
  return (node.hostNodeId ?? null) !== null;
}
