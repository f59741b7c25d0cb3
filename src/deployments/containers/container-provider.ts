import {
  instanceName,
  type CloudProvider,
  type ExistingNode,
  type NodePreview,
  type NodeRequest,
  type NodeSteps,
} from '../../clouds/index.js';
import type { StepSpec } from '../../plan/index.js';
import {
  containerSteps,
  deleteStep,
  hostSteps,
  type ContainerRequest,
  type ContainerScripts,
} from './container-steps.js';

/** A cloud, and containers on the nodes that it gives: `lxd:` placements are made on any node, by scripts on it. */
export class ContainerProvider implements CloudProvider {
  constructor(
    private readonly cloud: CloudProvider,
    private readonly scripts: ContainerScripts,
    private readonly deploymentId: string,
  ) {}

  get kind() {
    return this.cloud.kind;
  }

  bases() {
    return this.cloud.bases();
  }

  async preview(requests: readonly NodeRequest[]): Promise<NodePreview[]> {
    const containers = requests.filter(isContainer);
    const previews = await this.cloud.preview(requests.filter((request) => !isContainer(request)));
    return [
      ...previews,
      ...containers.map(({ key, inside }) => ({ key, choice: `a container on node ${inside.host}`, wipes: [] })),
    ];
  }

  planShared(requests: readonly NodeRequest[]): StepSpec[] {
    const machines = requests.filter((request) => !isContainer(request));
    const shared = machines.length === 0 ? [] : (this.cloud.planShared?.(machines) ?? []);
    return [...shared, ...hostSteps(requests.filter(isContainer), this.scripts)];
  }

  planNode(request: NodeRequest): NodeSteps {
    if (!isContainer(request)) return this.cloud.planNode(request);
    return containerSteps(request, instanceName(request.hostname), this.scripts);
  }

  held(deploymentId: string): Promise<ExistingNode[]> {
    return this.cloud.held(deploymentId);
  }

  /** A container goes with its host; whether it alone is gone, nobody tells. */
  hasLost(node: ExistingNode): Promise<boolean> {
    if (isOnHost(node)) return Promise.resolve(false);
    return this.cloud.hasLost?.(node) ?? Promise.resolve(false);
  }

  planRemoval(node: ExistingNode, after: string[]): StepSpec[] {
    const { key, name, hostNodeId } = node;
    if (hostNodeId !== null && hostNodeId !== undefined) {
      const title = `delete container ${name}`;
      const wish = { key: `node/${key}:delete`, title, hostNodeId, lane: `node/${hostKeyOf(key)}` };
      return [deleteStep({ ...wish, deploymentId: this.deploymentId, name }, after, this.scripts)];
    }
    // A host of one's own is not erased: a container that a failed `up` left is taken from it too.
    if (this.cloud.kind !== 'ssh' || node.nodeId === null) return this.cloud.planRemoval(node, after);
    const wish = { key: `node/${key}:clear`, title: `delete what containers are left on ${name}`, name: '' };
    const place = { hostNodeId: node.nodeId, lane: `node/${key}`, deploymentId: this.deploymentId };
    const clear = deleteStep({ ...wish, ...place }, after, this.scripts);
    return [clear, ...this.cloud.planRemoval(node, [clear.key])];
  }

  /** A container goes with its host, or stays where nobody reaches it. */
  planAbandonment(node: ExistingNode, after: string[]): StepSpec[] {
    return isOnHost(node) ? [] : this.cloud.planAbandonment(node, after);
  }

  /** Of a container its host is asked. */
  planClearance(node: ExistingNode, after: string[]): StepSpec[] {
    if (isOnHost(node)) return this.planRemoval(node, after);
    return this.cloud.planClearance?.(node, after) ?? this.cloud.planAbandonment(node, after);
  }

  outlives(node: ExistingNode): boolean {
    return !isOnHost(node) && this.cloud.outlives(node);
  }

  removalOf(node: ExistingNode, isLost: boolean): { change: string; destroys: string[] } {
    if (!isOnHost(node)) return this.cloud.removalOf(node, isLost);
    if (isLost) return { change: `forget container ${node.name}: it stays on its host`, destroys: [] };
    return { change: `delete container ${node.name}`, destroys: [`container ${node.name} with all that is in it`] };
  }
}

function isContainer(request: NodeRequest): request is ContainerRequest {
  return request.inside !== undefined;
}

export function isOnHost(node: ExistingNode): boolean {
  return (node.hostNodeId ?? null) !== null;
}

/** `0/lxd/easyrsa-0` is on node `0`. */
function hostKeyOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/lxd/'));
}
