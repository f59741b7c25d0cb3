import { createHash } from 'node:crypto';
import { formatBase } from '../bundles/index.js';
import type { CloudProvider, ExistingNode, NodeRequest } from '../clouds/index.js';
import { MusterError } from '../error.js';
import { step, type JsonObject, type Plan, type StepSpec } from '../plan/index.js';
import type { Node } from './node.entity.js';

/** The step after which a node answers SSH; steps of units come after it and refer to what it publishes. */
export const nodeReady = (key: string) => `node/${key}:ready`;

/** Nodes that others take the place of. */
export interface Replaced {
  nodes: readonly ExistingNode[];
  /** They are let go, and nothing is asked of them; else what is on them leaves, and they are given back. */
  isLost: boolean;
}

interface Parts {
  requests: readonly NodeRequest[];
  /** Nodes that earlier runs made, by their key in the bundle. */
  existing: ReadonlyMap<string, Node>;
  /** The steps of units that have to run. */
  unitSteps: readonly StepSpec[];
  /** The steps that take units away from where they are. */
  removals?: readonly StepSpec[];
  /** Keys of unit steps that change what stands: they come after the removals. */
  changing?: ReadonlySet<string>;
  /** Nodes that go before others are made under their keys. */
  replaced?: Replaced;
  provider: CloudProvider;
}

/**
 * The whole plan of a deployment: units leave, nodes that are missing are made, units are laid down or changed, and nodes
 * that are no longer named are given back. Of nodes that are there, only those that a step needs are looked for. Pure:
 * equal input, equal plan.
 */
export function deploymentPlan(parts: Parts): Plan {
  const { requests, existing, unitSteps, provider, removals = [], changing = new Set(), replaced } = parts;
  const wanted = new Set(requests.map((request) => request.key));
  const surplus = [...existing.values()].filter((node) => !wanted.has(node.key));
  const missing = requests.filter((request) => !existing.has(request.key));
  const shared = missing.length === 0 ? [] : (provider.planShared?.(missing) ?? []);
  const left = lastSteps(removals);
  const before = replaced === undefined ? [] : replacedSteps(replaced, provider, left);
  const made = missing.flatMap((request) => afterGone(before, request.key, stepsOfNewNode(request, provider)));
  const laid = unitSteps.map((each) =>
    changing.has(each.key) ? { ...each, after: [...new Set([...each.after, ...left])] } : each,
  );
  const needed = new Set([...made, ...laid].flatMap((each) => each.after));
  const known = [...existing.values()].filter(({ key }) => wanted.has(key) && needed.has(nodeReady(key)));
  const kept = [...shared, ...removals, ...before, ...known.map(stepOfKnownNode), ...made, ...laid];
  const last = lastSteps(kept);
  const gone = allRemovals(surplus.map(leaving), provider, () => last, new Set());
  return { steps: [...kept.map((each) => comingAfter(each, kept)), ...gone] };
}

/** A container may have been moved to a node that its key does not name, and would go with it. */
export function refuseLosingMoved(existing: Iterable<Node>, requests: readonly { key: string }[], name: string): void {
  const wanted = new Set(requests.map(({ key }) => key));
  const nodes = [...existing];
  const going = nodes.filter(({ key }) => !wanted.has(key));
  const lost = nodes
    .filter(({ key }) => wanted.has(key))
    .flatMap(({ key, hostNodeId }) =>
      going.filter(({ id }) => id === hostNodeId).map((host) => ({ key, host: host.key })),
    );
  const [first] = lost;
  if (first === undefined) return;
  const where = lost.map(({ key, host }) => `${key} is on ${host}`).join(', ');
  throw new MusterError('conflict', `cannot give back a node that a container was moved to: ${where}`, {
    hint: `muster nodes move ${name} ${first.key} --to HOST, with a host that stays; then again`,
  });
}

/** A clone is nobody's but the operator's; it goes where its host goes. */
export function withoutClones(nodes: readonly Node[], requests: readonly { key: string }[]): Node[] {
  const wanted = new Set(requests.map(({ key }) => key));
  const staying = new Set(nodes.filter(({ key }) => wanted.has(key)).map(({ id }) => id));
  return nodes.filter(({ cloneOf, hostNodeId }) => cloneOf === null || !staying.has(hostNodeId ?? ''));
}

function replacedSteps(replaced: Replaced, provider: CloudProvider, left: string[]): StepSpec[] {
  const { nodes, isLost } = replaced;
  if (!isLost) return allRemovals(nodes, provider, () => left, new Set());
  const lost = new Set(nodes.map(({ key }) => key));
  return allRemovals(
    nodes,
    provider,
    () => [],
    lost,
    (node, after) => clearance(node, replaced, provider, after),
  );
}

/** How a node goes that is replaced unreached: what is on another one that is replaced goes with that. */
function clearance(node: ExistingNode, { nodes }: Replaced, provider: CloudProvider, after: string[]): StepSpec[] {
  const goesWithHost = nodes.some(({ nodeId }) => nodeId !== null && nodeId === node.hostNodeId);
  const own = goesWithHost ? undefined : provider.planClearance?.(node, after);
  return own ?? provider.planAbandonment(node, after);
}

/** What is destroyed with nodes that others take the place of. */
export function destroyedWith(replaced: Replaced, provider: CloudProvider): string[] {
  const { nodes, isLost } = replaced;
  const going = isLost
    ? nodes.filter((node) => clearance(node, replaced, provider, []).some((each) => each.destructive))
    : nodes;
  return going.flatMap((node) => provider.removalOf(node, false).destroys);
}

/** What makes a node waits until the one before it under its key is let go. */
function afterGone(gone: readonly StepSpec[], key: string, steps: readonly StepSpec[]): StepSpec[] {
  const last = lastSteps(gone.filter((each) => each.lane === `node/${key}` || each.key.startsWith(`node/${key}:`)));
  const own = new Set(steps.map((each) => each.key));
  return steps.map((each) =>
    each.after.some((before) => own.has(before)) ? each : { ...each, after: [...each.after, ...last] },
  );
}

function stepsOfNewNode(request: NodeRequest, provider: CloudProvider): StepSpec[] {
  const { steps, lastStep, registration } = provider.planNode(request);
  const ready = step({
    key: nodeReady(request.key),
    kind: 'deployment.node',
    title: `record node ${request.key}`,
    lane: `node/${request.key}`,
    input: { ...registration, ...madeWith(request), deploymentId: request.deploymentId, key: request.key },
    after: [lastStep],
    timeoutSeconds: 60,
  });
  return [...steps, ready];
}

/** What the node remembers. */
function madeWith({ base, constraints }: NodeRequest): JsonObject {
  return { base: formatBase(base), constraints: JSON.parse(JSON.stringify(constraints)) as JsonObject };
}

export function stepOfKnownNode(node: Node): StepSpec {
  return step({
    key: nodeReady(node.key),
    kind: 'deployment.known-node',
    title: `node ${node.key} is there (${node.name})`,
    lane: `node/${node.key}`,
    input: { nodeId: node.id },
    timeoutSeconds: 60,
  });
}

/** A step of a container may come after steps of units that this plan need not have. */
function comingAfter(each: StepSpec, steps: readonly StepSpec[]): StepSpec {
  if (!each.key.endsWith(':prepare')) return each;
  const keys = new Set(steps.map(({ key }) => key));
  return { ...each, after: each.after.filter((key) => keys.has(key)) };
}

/** The steps that nothing comes after. */
export function lastSteps(steps: readonly StepSpec[]): string[] {
  const before = new Set(steps.flatMap((each) => each.after));
  return steps.map((each) => each.key).filter((key) => !before.has(key));
}

/** A recorded node, as its cloud takes it back. */
export function leaving({ id, key, name, machineId, hostNodeId }: Node): ExistingNode {
  return { key, name, nodeId: id, machineId, hostNodeId };
}

function removalSteps(node: ExistingNode, steps: StepSpec[], after: string[]): StepSpec[] {
  if (node.nodeId === null) return steps;
  const forget = step({
    key: `node/${node.key}:forget`,
    kind: 'deployment.forget-node',
    title: `forget node ${node.key} (${node.name})`,
    lane: `node/${node.key}`,
    input: { nodeId: node.nodeId },
    after: steps.length === 0 ? after : lastSteps(steps),
  });
  return [...steps, forget];
}

/** Containers go before the nodes they are on, or with them; `afterOf`: what a node waits for besides. */
export function allRemovals(
  nodes: readonly ExistingNode[],
  provider: CloudProvider,
  afterOf: (node: ExistingNode) => string[],
  lost: ReadonlySet<string>,
  letGo = (node: ExistingNode, after: string[]) => provider.planAbandonment(node, after),
): StepSpec[] {
  const lostIds = new Set(nodes.filter(({ key }) => lost.has(key)).map(({ nodeId }) => nodeId));
  const isLost = ({ key, hostNodeId }: ExistingNode) =>
    lost.has(key) || (hostNodeId !== null && hostNodeId !== undefined && lostIds.has(hostNodeId));
  return nodes.flatMap((node) => {
    const inside = nodes.filter(({ hostNodeId }) => node.nodeId !== null && hostNodeId === node.nodeId);
    const before = [...afterOf(node), ...inside.map(({ key }) => `node/${key}:forget`)];
    const steps = isLost(node) ? letGo(node, before) : provider.planRemoval(node, before);
    return removalSteps(node, steps, before);
  });
}

/**
 * Names a plan: who saw one can ask for just that one to be run. A deployment that is not stored yet gets a new id and
 * key each time it is looked at, so those do not count.
 */
export function hashOfPlan(plan: Plan, deployment: { id: string; sshPublicKey: string }): string {
  const text = JSON.stringify(plan)
    .replaceAll(JSON.stringify(deployment.sshPublicKey), '"key"')
    .replaceAll(deployment.id, 'id');
  return createHash('sha256').update(text).digest('hex');
}
