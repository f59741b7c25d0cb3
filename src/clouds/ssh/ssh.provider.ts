import { messageOf } from '../../error.js';
import { outputOf, step, type JsonObject, type StepSpec } from '../../plan/index.js';
import type { Cloud } from '../cloud.entity.js';
import { linesOf } from '../misfit-lines.js';
import type { CloudProvider, ExistingNode, NodePreview, NodeRequest, NodeSteps } from '../provider.js';
import { refuseUnmet } from '../unmet-constraints.js';
import { HOST_CONSTRAINTS } from './host-facts.js';
import { nameOf, type SshHosts } from './ssh-hosts.js';

/** Hosts that somebody has already: one that fits is chosen, and lets the deployment's key in while it lasts. */
export class SshProvider implements CloudProvider {
  readonly kind = 'ssh';

  constructor(
    private readonly cloud: Cloud,
    private readonly hosts: SshHosts,
  ) {}

  /** What runs on the hosts: nothing else can be had. */
  async bases(): Promise<{ os: string; release: string }[]> {
    const facts = (await this.hosts.list(this.cloud.id)).flatMap((host) => host.facts ?? []);
    const names = new Map(facts.map(({ os, release }) => [`${os}@${release}`, { os, release }]));
    return [...names.values()];
  }

  async preview(requests: readonly NodeRequest[]): Promise<NodePreview[]> {
    const taken = new Set<string>();
    const previews: NodePreview[] = [];
    for (const request of requests) {
      refuseUnmet(this.cloud.name, request, HOST_CONSTRAINTS);
      const { key, constraints, base } = request;
      try {
        const host = await this.hosts.choose(this.cloud, { key, constraints, base, claim: claimOf(request) }, taken);
        taken.add(host.id);
        previews.push({ key, choice: `${nameOf(host)}, which stays as it is otherwise`, wipes: [] });
      } catch (error) {
        previews.push({ key, choice: `no host yet: ${messageOf(error)}`, misfits: linesOf(error), wipes: [] });
      }
    }
    return previews;
  }

  planNode(request: NodeRequest): NodeSteps {
    const { key, constraints, base, deploymentId, deploymentName, authorizedKeys } = request;
    const lane = `node/${key}`;
    const cloud = this.cloud.name;
    const choose = step({
      key: `${lane}:choose`,
      kind: 'ssh.choose',
      title: `choose a host for node ${key}`,
      lane,
      input: {
        ...{ cloud, key, deploymentId, claim: claimOf(request), base: { ...base } },
        constraints: JSON.parse(JSON.stringify(constraints)) as JsonObject,
      },
      timeoutSeconds: 60,
    });
    const host = outputOf(choose.key, 'hostId');
    const access = step({
      key: `${lane}:access`,
      kind: 'ssh.access',
      title: `let ${deploymentName} in to the host of node ${key}`,
      lane,
      input: { hostId: host, deploymentId, authorizedKeys },
      after: [choose.key],
      timeoutSeconds: 120,
    });
    const of = (name: string) => outputOf(access.key, name);
    return {
      steps: [choose, access],
      lastStep: access.key,
      registration: {
        ...{ name: of('name'), machineId: null, address: of('address') },
        ...{ sshPort: of('port'), sshUser: of('user'), hostKeys: of('hostKeys') },
      },
    };
  }

  async held(deploymentId: string): Promise<ExistingNode[]> {
    const hosts = await this.hosts.heldBy(this.cloud.id, deploymentId);
    return hosts.map((host) => {
      const key = host.claim?.slice(host.claim.indexOf('/') + 1) ?? host.address;
      return { key, name: hostName(host), nodeId: null, machineId: null };
    });
  }

  planRemoval(node: ExistingNode, after: string[]): StepSpec[] {
    return [this.release(node, after, false)];
  }

  planAbandonment(node: ExistingNode, after: string[]): StepSpec[] {
    return [this.release(node, after, true)];
  }

  outlives(): boolean {
    return true;
  }

  removalOf({ name }: ExistingNode, isLost: boolean): { change: string; destroys: string[] } {
    const change = isLost ? `forget host ${name}: the deployment's key stays on it` : `let host ${name} go`;
    return { change, destroys: [] };
  }

  private release({ key, name }: ExistingNode, after: string[], isLost: boolean): StepSpec {
    return step({
      key: `node/${key}:release`,
      kind: 'ssh.release',
      title: isLost ? `forget host ${name}` : `take the key from host ${name}`,
      lane: `node/${key}`,
      input: { cloud: this.cloud.name, key, isLost },
      after,
      timeoutSeconds: 120,
    });
  }
}

function claimOf({ deploymentId, key }: NodeRequest): string {
  return `${deploymentId}/${key}`;
}

/** What `deployment.node` records; also known before that. */
export function hostName(host: { facts: { hostname: string } | null; address: string }): string {
  return host.facts?.hostname ?? host.address;
}
