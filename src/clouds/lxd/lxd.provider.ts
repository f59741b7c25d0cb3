import { z } from 'zod';
import type { ImagesService } from '../../images/index.js';
import { outputOf, step, type JsonObject, type StepSpec } from '../../plan/index.js';
import type { CloudKind, CloudProvider, ExistingNode, NodePreview, NodeRequest, NodeSteps } from '../provider.js';
import { refuseUnmet } from '../unmet-constraints.js';
import { instanceName, KEY, OWNER } from './instance.js';
import type { LxdCloud } from './lxd-cloud.js';

const LXD_READY = 'cloud:ready';
const imageStep = ({ os, release }: NodeRequest['base']) => `cloud:image/${os}@${release}`;

const instances = z.array(z.object({ name: z.string(), config: z.record(z.string(), z.string()) }));

/** System containers of an LXD or Incus, on this computer or another. */
export class LxdProvider implements CloudProvider {
  constructor(
    readonly kind: CloudKind,
    private readonly cloud: LxdCloud,
    private readonly images: ImagesService,
  ) {}

  /** What there are images of, and what can be built here: the plan has a step for it. */
  async bases(): Promise<{ os: string; release: string }[]> {
    const stored = (await this.images.list()).filter((image) => image.kind === 'os');
    const known = [...stored.map(({ os, release }) => ({ os, release })), ...this.images.buildable()];
    const names = new Map(known.map((base) => [`${base.os}@${base.release}`, base]));
    return [...names.values()];
  }

  async preview(requests: readonly NodeRequest[]): Promise<NodePreview[]> {
    for (const request of requests) refuseUnmet(this.cloud.name, request, ['arch', 'cores', 'memMiB', 'rootDiskMiB']);
    const missing = (await this.cloud.missing?.()) ?? null;
    // Whether it may be used at all is found out before the run, where it is there.
    if (missing === null) await this.cloud.client();
    return requests.map(({ key, hostname }) => {
      const where = this.kind === 'localhost' ? 'on this computer' : `at ${this.cloud.name}`;
      const choice = `container ${instanceName(hostname)} ${where}${missing === null ? '' : ` (${missing})`}`;
      return { key, choice, wipes: [] };
    });
  }

  planShared(requests: readonly NodeRequest[]): StepSpec[] {
    const { name } = this.cloud;
    const lane = `cloud/${name}`;
    const ready = step({
      key: LXD_READY,
      kind: 'lxd.prepare',
      title: `make LXD ready for nodes of ${name}`,
      lane,
      input: { cloud: name },
      timeoutSeconds: 1800,
      stallSeconds: 600,
    });
    const bases = new Map(requests.map(({ base }) => [imageStep(base), base]));
    const images = [...bases].map(([key, base]) =>
      step({
        key,
        kind: 'lxd.image',
        title: `bring ${base.os}@${base.release} to ${name}, built where it is missing`,
        lane,
        input: { cloud: name, ...base },
        after: [LXD_READY],
        timeoutSeconds: 3600,
        stallSeconds: 900,
      }),
    );
    return [ready, ...images];
  }

  planNode(request: NodeRequest): NodeSteps {
    const { key, constraints, container, base, authorizedKeys, deploymentId } = request;
    const lane = `node/${key}`;
    const name = instanceName(request.hostname);
    const { cores, memMiB, rootDiskMiB } = constraints;
    const limits = Object.fromEntries(
      Object.entries({ cores, memMiB, rootDiskMiB }).filter(([, value]) => value !== undefined),
    ) as JsonObject;
    const wish = { name, deploymentId, key, constraints: limits, container: { ...container } };
    const create = step({
      key: `${lane}:create`,
      kind: 'lxd.create',
      title: `make container ${name}`,
      lane,
      input: { cloud: this.cloud.name, wish, alias: outputOf(imageStep(base), 'alias'), authorizedKeys },
      after: [imageStep(base)],
    });
    const start = step({
      key: `${lane}:start`,
      kind: 'lxd.start',
      title: `start container ${name} and reach it by SSH`,
      lane,
      input: {
        ...{ cloud: this.cloud.name, name, hostKeys: outputOf(create.key, 'hostKeys') },
        sshPort: outputOf(create.key, 'sshPort'),
      },
      after: [create.key],
      timeoutSeconds: 300,
    });
    return {
      steps: [create, start],
      lastStep: start.key,
      registration: {
        name,
        machineId: null,
        address: outputOf(start.key, 'address'),
        sshHost: this.cloud.sshHost,
        sshPort: outputOf(create.key, 'sshPort'),
        hostKeys: outputOf(create.key, 'hostKeys'),
      },
    };
  }

  async held(deploymentId: string): Promise<ExistingNode[]> {
    if (((await this.cloud.missing?.()) ?? null) !== null) return [];
    const client = await this.cloud.client();
    // The project is made by the first plan.
    const found = (await client.find('/1.0/instances?recursion=1', instances)) ?? [];
    return found
      .filter(({ config }) => config[OWNER] === deploymentId)
      .map(({ name, config }) => ({ key: config[KEY] ?? name, name, nodeId: null, machineId: null }));
  }

  async hasLost({ name }: ExistingNode): Promise<boolean> {
    if (((await this.cloud.missing?.()) ?? null) !== null) return false;
    const client = await this.cloud.client();
    return (await client.find(`/1.0/instances/${name}`, z.object({ name: z.string() }))) === null;
  }

  planRemoval(node: ExistingNode, after: string[]): StepSpec[] {
    return [
      step({
        key: `node/${node.key}:delete`,
        kind: 'lxd.delete',
        title: `delete container ${node.name}`,
        lane: `node/${node.key}`,
        input: { cloud: this.cloud.name, name: node.name },
        after,
        destructive: true,
      }),
    ];
  }

  /** The container stays where it is: it may be that LXD itself is gone. */
  planAbandonment(): StepSpec[] {
    return [];
  }

  /** The next container has the same name. LXD is asked, not the container. */
  planClearance(node: ExistingNode, after: string[]): StepSpec[] {
    return this.planRemoval(node, after);
  }

  /** The container is deleted. */
  outlives(): boolean {
    return false;
  }

  removalOf(node: ExistingNode, isLost: boolean): { change: string; destroys: string[] } {
    if (isLost) return { change: `forget container ${node.name}: it stays where it is`, destroys: [] };
    return { change: `delete container ${node.name}`, destroys: [`container ${node.name} with all that is in it`] };
  }
}
