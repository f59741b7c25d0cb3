import { createHash } from 'node:crypto';
import type { CloudProvider, ExistingNode, NodeRequest } from '../clouds/index.js';
import { step, type Plan, type StepSpec } from '../plan/index.js';
import type { Node } from './node.entity.js';

/** The step after which a node answers SSH; steps of units come after it and refer to what it publishes. */
export const nodeReady = (key: string) => `node/${key}:ready`;

interface Parts {
  requests: readonly NodeRequest[];
  /** Nodes that earlier runs made, by their key in the bundle. */
  existing: ReadonlyMap<string, Node>;
  /** The steps of units, as the bundle compiler made them. */
  unitSteps: readonly StepSpec[];
  provider: CloudProvider;
}

/**
 * The whole plan of a deployment: nodes that are missing are made, those no longer named are given back at the end,
 * and between them the units are laid down. Pure: equal input, equal plan.
 */
export function deploymentPlan({ requests, existing, unitSteps, provider }: Parts): Plan {
  const wanted = new Set(requests.map((request) => request.key));
  const surplus = [...existing.values()].filter((node) => !wanted.has(node.key));
  const missing = requests.filter((request) => !existing.has(request.key));
  const shared = missing.length === 0 ? [] : (provider.planShared?.(missing) ?? []);
  const nodeSteps = requests.flatMap((request) => {
    const node = existing.get(request.key);
    return node === undefined ? stepsOfNewNode(request, provider) : [stepOfKnownNode(node)];
  });
  const kept = [...shared, ...nodeSteps, ...unitSteps];
  const last = lastSteps(kept);
  const gone = allRemovals(surplus.map(leaving), provider, last, new Set());
  return { steps: [...kept.map((each) => comingAfter(each, kept)), ...gone] };
}

function stepsOfNewNode(request: NodeRequest, provider: CloudProvider): StepSpec[] {
  const { steps, lastStep, registration } = provider.planNode(request);
  const ready = step({
    key: nodeReady(request.key),
    kind: 'deployment.node',
    title: `record node ${request.key}`,
    lane: `node/${request.key}`,
    input: { ...registration, deploymentId: request.deploymentId, key: request.key },
    after: [lastStep],
    timeoutSeconds: 60,
  });
  return [...steps, ready];
}

function stepOfKnownNode(node: Node): StepSpec {
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
function lastSteps(steps: readonly StepSpec[]): string[] {
  const before = new Set(steps.flatMap((each) => each.after));
  return steps.map((each) => each.key).filter((key) => !before.has(key));
}

/** A recorded node, as its cloud takes it back. */
export function leaving({ id, key, name, machineId, hostNodeId }: Node): ExistingNode {
  return { key, name, nodeId: id, machineId, hostNodeId };
}

function removalSteps(node: ExistingNode, provider: CloudProvider, after: string[], isLost = false): StepSpec[] {
  const steps = isLost ? provider.planAbandonment(node, after) : provider.planRemoval(node, after);
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

/** Containers go before the nodes they are on, or with them. */
function allRemovals(
  nodes: readonly ExistingNode[],
  provider: CloudProvider,
  after: string[],
  lost: ReadonlySet<string>,
): StepSpec[] {
  const lostIds = new Set(nodes.filter(({ key }) => lost.has(key)).map(({ nodeId }) => nodeId));
  const isLost = ({ key, hostNodeId }: ExistingNode) =>
    lost.has(key) || (hostNodeId !== null && hostNodeId !== undefined && lostIds.has(hostNodeId));
  return nodes.flatMap((node) => {
    const inside = nodes.filter(({ hostNodeId }) => node.nodeId !== null && hostNodeId === node.nodeId);
    const before = inside.length === 0 ? after : inside.map(({ key }) => `node/${key}:forget`);
    return removalSteps(node, provider, before, isLost(node));
  });
}

/** Takes everything back: every node goes to its cloud, or is let go unreached where `lost` names it; then the name is free. */
export function removalPlan(
  nodes: readonly ExistingNode[],
  provider: CloudProvider,
  lost: ReadonlySet<string> = new Set(),
): Plan {
  const steps = allRemovals(nodes, provider, [], lost);
  const remove = step({
    key: 'deployment:remove',
    kind: 'deployment.remove',
    title: 'record that the deployment is gone',
    after: lastSteps(steps),
  });
  return { steps: [...steps, remove] };
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
