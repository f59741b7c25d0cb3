import { Inject, Injectable } from '@nestjs/common';
import { messageOf, MusterError } from '../../error.js';
import { CONTAINER_VARIANT, ImagesService } from '../../images/index.js';
import { ClaimsService, type Machine } from '../../machines/index.js';
import { SubnetService } from '../../networks/index.js';
import { abandonSteps, commissionSteps, deploySteps, releaseSteps, type DeployWishes } from '../../operations/index.js';
import { outputOf, step, type JsonObject, type StepSpec } from '../../plan/index.js';
import { linesOf } from '../misfit-lines.js';
import type { CloudProvider, ExistingNode, NodeConstraints, NodePreview, NodeRequest, NodeSteps } from '../provider.js';
import { refuseUnmet } from '../unmet-constraints.js';
import { machineConstraint } from './machine-constraint.js';

const KNOWN: readonly (keyof NodeConstraints)[] = [
  ...(['arch', 'cores', 'memMiB', 'rootDiskMiB', 'tags', 'zones', 'pool'] as const),
  ...(['disks', 'nics', 'linkSpeedMbps', 'spaces', 'gpu', 'facts'] as const),
];

/** Our own machines: one is chosen, seen and measured where it was not yet, taken, and given a system on its disk. */
@Injectable()
export class MetalProvider implements CloudProvider {
  readonly kind = 'metal';

  constructor(
    @Inject(ClaimsService) private readonly claims: ClaimsService,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(SubnetService) private readonly subnets: SubnetService,
  ) {}

  /** What there are images of. */
  async bases(): Promise<{ os: string; release: string }[]> {
    const images = await this.images.list();
    return images
      .filter(({ kind, variant }) => kind === 'os' && variant !== CONTAINER_VARIANT)
      .map(({ os, release }) => ({ os, release }));
  }

  /** The machines that would be taken as things stand; the run itself chooses again. */
  async preview(requests: readonly NodeRequest[]): Promise<NodePreview[]> {
    const taken = new Set<string>();
    const previews: NodePreview[] = [];
    for (const request of requests) {
      refuseUnmet('metal', request, KNOWN);
      await this.refuseUnknownSpaces(request);
      const found = await this.choose(request, taken);
      if (found instanceof Error) {
        const choice = `no machine yet: ${messageOf(found)}`;
        previews.push({ key: request.key, choice, misfits: linesOf(found), wipes: [] });
        continue;
      }
      taken.add(found.id);
      const wipes = `the disk of ${found.name} is overwritten (node ${request.key})`;
      previews.push({ key: request.key, choice: `${found.name} (${found.state})`, wipes: [wipes] });
    }
    return previews;
  }

  /** A space that no subnet is in is a slip of the pen: `^dbb` would keep nothing away. */
  private async refuseUnknownSpaces({ key, constraints: { spaces = [] } }: NodeRequest): Promise<void> {
    if (spaces.length === 0) return;
    const known = new Set((await this.subnets.list()).flatMap(({ space }) => space ?? []));
    const unknown = spaces.map((name) => name.replace(/^\^/, '')).filter((name) => !known.has(name));
    if (unknown.length === 0) return;
    const message = `cannot choose a machine for node ${key}: no subnet is in the space ${unknown.join(', ')}`;
    const named = known.size === 0 ? 'no subnet has a space yet' : `there are ${[...known].sort().join(', ')}`;
    throw new MusterError('conflict', message, { hint: `${named}; muster subnets set SUBNET --space SPACE` });
  }

  private async choose(request: NodeRequest, taken: ReadonlySet<string>): Promise<Machine | Error> {
    try {
      return await this.claims.wouldClaim(claimOf(request), machineConstraint(request.constraints), taken);
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  planNode(request: NodeRequest): NodeSteps {
    const { key, deploymentId, deploymentName } = request;
    const prefix = `node/${key}`;
    const claim = claimOf(request);
    const allocate = step({
      key: `${prefix}:allocate`,
      kind: 'metal.allocate',
      title: `choose a machine for node ${key}`,
      lane: prefix,
      input: { claim, deploymentId, owner: deploymentName, constraints: asJson(request.constraints) },
      timeoutSeconds: 60,
    });
    const machine = outputOf(allocate.key, 'machineId');
    const commission = commissionSteps(
      { prefix, machine, after: [allocate.key] },
      { again: false, tests: false, powerOff: false },
    );
    const acquire = {
      claim,
      deploymentId,
      owner: deploymentName,
      constraint: asJson(machineConstraint(request.constraints)),
    };
    const deploy = deploySteps({ prefix, machine, after: lastKey(commission) }, acquire, wishesOf(request));
    return {
      steps: [allocate, ...commission, ...deploy],
      lastStep: lastKey(deploy)[0] ?? allocate.key,
      registration: {
        name: outputOf(allocate.key, 'name'),
        machineId: machine,
        address: outputOf(`${prefix}:boot`, 'address'),
        hostKeys: outputOf(`${prefix}:boot`, 'hostKeys'),
        architecture: outputOf(`${prefix}:boot`, 'architecture'),
      },
    };
  }

  async held(deploymentId: string): Promise<ExistingNode[]> {
    const machines = await this.claims.heldBy(deploymentId);
    return machines.map(({ id, name, claim }) => {
      const key = claim?.slice(claim.indexOf('/') + 1) ?? name;
      return { key, name, nodeId: null, machineId: id };
    });
  }

  planAbandonment(node: ExistingNode, after: string[]): StepSpec[] {
    if (node.machineId === null) return [];
    return abandonSteps({ prefix: `node/${node.key}`, machine: node.machineId, after });
  }

  planRemoval(node: ExistingNode, after: string[]): StepSpec[] {
    if (node.machineId === null) return [];
    return releaseSteps({ prefix: `node/${node.key}`, machine: node.machineId, after }, 'quick');
  }

  /** Its disks are erased. */
  outlives(): boolean {
    return false;
  }

  removalOf({ key, name }: ExistingNode, isLost: boolean): { change: string; destroys: string[] } {
    if (!isLost) {
      const destroys = [`the disks of node ${key} (${name}) are erased`];
      return { change: `give back node ${key} (${name})`, destroys };
    }
    const change = `let node ${key} (${name}) go unreached: it is broken until its disks are erased`;
    return { change, destroys: [] };
  }
}

function claimOf({ deploymentId, key }: NodeRequest): string {
  return `${deploymentId}/${key}`;
}

function lastKey(steps: readonly StepSpec[]): string[] {
  return steps.slice(-1).map((each) => each.key);
}

function wishesOf({ base, layout, hostname, authorizedKeys }: NodeRequest): DeployWishes {
  return {
    ...base,
    ...{ layout, hostname, authorizedKeys },
    ...{ target: 'disk', disk: null, kernelArguments: [], userData: null },
  };
}

/** What is not given is left out. */
function asJson(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}
