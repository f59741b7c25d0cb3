import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { IsNull, type EntityManager } from 'typeorm';
import { Clouds, type CloudProvider, type ExistingNode, type NodePreview, type NodeRequest } from '../clouds/index.js';
import { MusterError } from '../error.js';
import type { Plan } from '../plan/index.js';
import { SECRET_BOX } from '../platform/index.js';
import { generateSshKey } from '../platform/remote/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { BundleLibrary } from './bundle-library.js';
import { ContainerProvider } from './containers/container-provider.js';
import { containerScripts, insideOf } from './containers/container-scripts.js';
import { sourceFiles, type BundleSource } from './bundle-source.js';
import { compileDeployment, placeOptions, type CompiledDeployment } from './compile-deployment.js';
import { deploymentPlan, leaving } from './deployment-plan.js';
import { DeploymentRecords } from './deployment-records.js';
import { Deployment, type DeploymentOptions } from './deployment.entity.js';
import type { Node } from './node.entity.js';

export interface UpRequest extends BundleSource {
  /** Default: the bundle's own name. */
  name?: string;
  /** Which cloud. */
  on: string;
  options?: DeploymentOptions;
  /** Run only the plan that was shown under this hash. */
  planHash?: string;
}

export interface Prepared {
  deployment: Deployment;
  isNew: boolean;
  compiled: CompiledDeployment;
  existing: Map<string, Node>;
  requests: NodeRequest[];
  provider: CloudProvider;
  plan: Plan;
}

/** Turns what was asked for into a deployment and the plan that takes it there; stores nothing. */
@Injectable()
export class DeploymentPlanner {
  constructor(
    @Inject(Clouds) private readonly clouds: Clouds,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
  ) {}

  async prepare(manager: EntityManager, request: UpRequest, actor = 'nobody'): Promise<Prepared> {
    const cloud = await this.clouds.provider(request.on);
    const files = sourceFiles(request, this.library);
    const options = request.options ?? {};
    const bases = await cloud.bases();
    if (bases.length === 0) throw nothingToDeploy(request.on);
    const compiled = compileDeployment(files, this.library.roles, placeOptions(options, bases));
    const name = request.name ?? compiled.bundle.name;
    const known = await manager.findOneBy(Deployment, { name, removedAt: IsNull() });
    if (known !== null) refuseOtherCloud(known, request.on);
    const deployment = known ?? this.newDeployment(name, request.on, actor);
    Object.assign(deployment, { files, options, bundle: compiled.bundle.name });
    const provider = this.withContainers(cloud, deployment.id);
    const nodes = await this.records.nodesOf(manager, deployment.id);
    const existing = new Map(nodes.map((node) => [node.key, node]));
    const requests = compiled.compiled.nodes.map((node): NodeRequest => ({
      deploymentId: deployment.id,
      deploymentName: deployment.name,
      key: node.key,
      constraints: node.constraints,
      base: node.base,
      container: node.container,
      ...insideOf(node, compiled.compiled.units),
      layout: options.layout ?? 'flat',
      authorizedKeys: [deployment.sshPublicKey],
      hostname: `${name}-${node.key}`,
    }));
    const plan = deploymentPlan({ requests, existing, unitSteps: compiled.compiled.plan.steps, provider });
    return { deployment, isNew: known === null, compiled, existing, requests, provider, plan };
  }

  /** The deployment's cloud, and containers on its nodes. */
  async providerOf({ id, cloud }: Pick<Deployment, 'id' | 'cloud'>): Promise<CloudProvider> {
    return this.withContainers(await this.clouds.provider(cloud), id);
  }

  private withContainers(cloud: CloudProvider, deploymentId: string): CloudProvider {
    return new ContainerProvider(cloud, containerScripts(this.library.roles), deploymentId);
  }

  private newDeployment(name: string, cloud: string, actor: string): Deployment {
    const id = randomUUID();
    const key = generateSshKey(`muster:${name}`);
    return Object.assign(new Deployment(), {
      id,
      name,
      cloud,
      version: 1,
      sshPublicKey: key.publicKey,
      sshPrivateKey: this.secrets.seal(key.privateKey, id),
      createdBy: actor,
      removedAt: null,
    });
  }
}

/** What a plan does, a line each. */
export function changesOf(prepared: Prepared, previews: readonly NodePreview[]): string[] {
  const { requests, existing, compiled } = prepared;
  const choice = new Map(previews.map((preview) => [preview.key, preview.choice]));
  const misfits = new Map(previews.map((preview) => [preview.key, preview.misfits ?? []]));
  return [
    ...requests
      .filter((request) => !existing.has(request.key))
      .flatMap(({ key, base }) => [
        `deploy ${base.os}@${base.release} to node ${key}: ${choice.get(key) ?? ''}`,
        ...(misfits.get(key) ?? []).map((line) => `  ${line}`),
      ]),
    ...compiled.compiled.units.map((unit) => `lay ${unit.role} as ${unit.name} on node ${unit.node}`),
    ...surplusOf(prepared).map((node) => prepared.provider.removalOf(leaving(node), false).change),
  ];
}

/** Nodes that the bundle names no longer. */
export function surplusOf({ requests, existing }: Prepared): Node[] {
  const wanted = new Set(requests.map((request) => request.key));
  return [...existing.values()].filter((node) => !wanted.has(node.key));
}

/** What a cloud knows a node by, recorded or not: its machine, or the name that is the cloud's own. */
export function identityOf({ machineId, name }: ExistingNode): string {
  return machineId ?? name;
}

function nothingToDeploy(cloud: string): MusterError {
  return new MusterError('conflict', `cannot deploy to ${cloud}: there is no image of any operating system`, {
    hint: 'muster images build debian@12 (and memory), or muster images sync',
  });
}

function refuseOtherCloud(known: Deployment, cloud: string): void {
  if (known.cloud === cloud) return;
  throw new MusterError('conflict', `cannot move ${known.name} from ${known.cloud} to ${cloud}`, {
    hint: `give another name with --name, or take it down first: muster down ${known.name}`,
  });
}
