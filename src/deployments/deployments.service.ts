import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { randomUUID } from 'node:crypto';
import { DataSource, IsNull, type EntityManager } from 'typeorm';
import { compileVerify, type Diagnostic, type KnownDeployment } from '../bundles/index.js';
import { CLOUD_PROVIDERS, type CloudProvider, type NodePreview, type NodeRequest } from '../clouds/index.js';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import type { JsonValue, Plan } from '../plan/index.js';
import { SECRET_BOX } from '../platform/index.js';
import type { RemoteTarget } from '../platform/remote/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { BundleLibrary } from './bundle-library.js';
import { sourceFiles, type BundleSource } from './bundle-source.js';
import { compileDeployment, placeOptions, type CompiledDeployment } from './compile-deployment.js';
import { deploymentPlan, hashOfPlan, leaving, removalPlan } from './deployment-plan.js';
import { Deployment, type DeploymentOptions } from './deployment.entity.js';
import { DeploymentNodes } from './node-directory.js';
import { Node } from './node.entity.js';
import { generateSshKey } from './ssh-key.js';

export interface UpRequest extends BundleSource {
  /** Default: the bundle's own name. */
  name?: string;
  /** Which cloud. */
  on: string;
  options?: DeploymentOptions;
  /** Run only the plan that was shown under this hash. */
  planHash?: string;
}

export interface DeploymentPreview {
  deployment: string;
  cloud: string;
  /** What would be done, a line each. */
  changes: string[];
  /** What would be overwritten or erased, a line each. */
  destroys: string[];
  plan: Plan;
  planHash: string;
  diagnostics: Diagnostic[];
}

interface Prepared {
  deployment: Deployment;
  isNew: boolean;
  compiled: CompiledDeployment;
  existing: Map<string, Node>;
  requests: NodeRequest[];
  provider: CloudProvider;
  plan: Plan;
}

/** Where a bundle, a cloud and the pipeline meet. */
@Injectable()
export class DeploymentsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(CLOUD_PROVIDERS) private readonly providers: readonly CloudProvider[],
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(DeploymentNodes) private readonly nodes: DeploymentNodes,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
  ) {}

  /** What `up` would do. Nothing is changed. */
  async plan(request: UpRequest): Promise<DeploymentPreview> {
    const prepared = await this.prepare(this.dataSource.manager, request);
    const { deployment, provider, requests, existing, plan, compiled } = prepared;
    const missing = requests.filter((each) => !existing.has(each.key));
    const previews = await provider.preview(missing);
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: changesOf(prepared, previews),
      destroys: [...previews.flatMap((preview) => preview.wipes), ...surplusOf(prepared).map(erasure)],
      plan,
      planHash: hashOfPlan(plan, deployment),
      diagnostics: compiled.diagnostics,
    };
  }

  /** Takes a bundle to what it says: deployment, run and steps are stored in the manager's transaction. */
  async up(
    manager: EntityManager,
    request: UpRequest,
    actor: string,
  ): Promise<{ deployment: Deployment; run: RunEntity }> {
    const { deployment, isNew, plan, compiled } = await this.prepare(manager, request, actor);
    refuseOtherPlan(hashOfPlan(plan, deployment), request.planHash);
    if (!isNew) deployment.version += 1;
    await manager.save(Deployment, deployment);
    const run = await this.runs.submit(manager, {
      subject: { kind: 'deployment', id: deployment.id },
      action: 'up',
      title: `up ${compiled.bundle.name} as ${deployment.name} on ${deployment.cloud}`,
      plan,
      actor,
    });
    return { deployment, run };
  }

  /** What `down` would do. `forget`: keys of nodes that are let go unreached. */
  async planDown(
    name: string,
    forget: readonly string[] = [],
  ): Promise<Omit<DeploymentPreview, 'diagnostics' | 'planHash'>> {
    const deployment = await this.get(name);
    const { nodes, lost, plan } = await this.removal(this.dataSource.manager, deployment, forget);
    const kept = nodes.filter((node) => !lost.has(node.key));
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: [
        ...kept.map((node) => `give back node ${node.key} (${node.name})`),
        ...nodes
          .filter((node) => lost.has(node.key))
          .map((node) => `let node ${node.key} (${node.name}) go unreached: it is broken until its disks are erased`),
      ],
      destroys: kept.map(erasure),
      plan,
    };
  }

  /** Gives every node back to its cloud, disks erased, and frees the name. Those in `forget` are let go unreached. */
  async down(
    manager: EntityManager,
    deployment: Deployment,
    actor: string,
    forget: readonly string[] = [],
  ): Promise<RunEntity> {
    const { plan } = await this.removal(manager, deployment, forget);
    return this.runs.submit(manager, {
      subject: { kind: 'deployment', id: deployment.id },
      action: 'down',
      title: `down ${deployment.name}`,
      plan,
      actor,
    });
  }

  /** What runs the checks of the bundle and its roles once more. */
  async planVerify(deployment: Deployment): Promise<Plan> {
    const { bundle } = this.compiled(deployment);
    const known = { nodes: await this.knownNodes(deployment), published: await this.published(deployment) };
    const { plan } = compileVerify({
      bundle,
      roles: this.library.roles,
      known,
      options: placeOptions(deployment.options),
    });
    if (plan.steps.length === 0) {
      throw new MusterError('conflict', `cannot verify ${deployment.name}: nothing in its bundle says how`);
    }
    return plan;
  }

  verify(manager: EntityManager, deployment: Deployment, plan: Plan, actor: string): Promise<RunEntity> {
    return this.runs.submit(manager, {
      subject: { kind: 'deployment', id: deployment.id },
      action: 'verify',
      title: `verify ${deployment.name}`,
      plan,
      actor,
    });
  }

  async list(): Promise<Deployment[]> {
    return this.dataSource.getRepository(Deployment).find({ where: { removedAt: IsNull() }, order: { name: 'asc' } });
  }

  /** By name, or by id (also one that has been taken down). */
  async get(nameOrId: string): Promise<Deployment> {
    const repository = this.dataSource.getRepository(Deployment);
    const found =
      (await repository.findOneBy({ name: nameOrId, removedAt: IsNull() })) ??
      (isUuid(nameOrId) ? await repository.findOneBy({ id: nameOrId }) : null);
    if (found !== null) return found;
    throw new MusterError('not-found', `cannot find a deployment named ${nameOrId}`, {
      hint: '`muster status` lists them',
    });
  }

  async nodesOf(manager: EntityManager, deploymentId: string): Promise<Node[]> {
    return manager.find(Node, { where: { deploymentId, removedAt: IsNull() }, order: { key: 'asc' } });
  }

  /** What SSH needs to reach a node; `node` is its key in the bundle, its name, or a unit on it (`lxd/0`). */
  async connection(name: string, node: string): Promise<RemoteTarget & { name: string }> {
    const deployment = await this.get(name);
    return this.nodes.get(deployment, this.nodeKeyOf(deployment, node));
  }

  /** The bundle of a deployment as it stands, compiled: its units and nodes. */
  compiled(deployment: Deployment): CompiledDeployment {
    return compileDeployment(deployment.files, this.library.roles, placeOptions(deployment.options));
  }

  /** Also what a failed `up` took and made no node of. */
  private async removal(manager: EntityManager, deployment: Deployment, forget: readonly string[]) {
    const provider = this.providerOf(deployment.cloud);
    const recorded = (await this.nodesOf(manager, deployment.id)).map(leaving);
    const machines = new Set(recorded.map((node) => node.machineId));
    const unfinished = (await provider.held(deployment.id)).filter((node) => !machines.has(node.machineId));
    const nodes = [...recorded, ...unfinished];
    const unknown = forget.filter((key) => !nodes.some((node) => node.key === key));
    if (unknown.length > 0) {
      throw new MusterError('invalid', `cannot forget ${unknown.join(', ')}: ${deployment.name} has no such node`, {
        hint: `its nodes: ${nodes.map((node) => node.key).join(', ')}`,
      });
    }
    const lost = new Set(forget);
    return { nodes, lost, plan: removalPlan(nodes, provider, lost) };
  }

  private async knownNodes(deployment: Deployment): Promise<KnownDeployment['nodes']> {
    const nodes = await this.nodesOf(this.dataSource.manager, deployment.id);
    return Object.fromEntries(nodes.map(({ key, id, address }) => [key, { nodeId: id, address }]));
  }

  /** What the units published when they were laid down; secrets stay where they are. */
  private async published(deployment: Deployment): Promise<KnownDeployment['published']> {
    const runs = await this.runs.list({ subject: { kind: 'deployment', id: deployment.id } });
    const published: Record<string, Record<string, JsonValue>> = {};
    for (const run of runs.filter(({ action }) => action === 'up').reverse()) {
      for (const { step, name, secret, value } of await this.runs.outputs(run.id)) {
        const unit = step.slice(0, step.indexOf(':'));
        if (!secret) published[unit] = { ...published[unit], [name]: value };
      }
    }
    return published;
  }

  private nodeKeyOf(deployment: Deployment, node: string): string {
    if (!node.includes('/')) return node;
    const unit = this.compiled(deployment).compiled.units.find((each) => each.name === node);
    if (unit === undefined) throw new MusterError('not-found', `cannot find unit ${node} in ${deployment.name}`);
    return unit.node;
  }

  private async prepare(manager: EntityManager, request: UpRequest, actor = 'nobody'): Promise<Prepared> {
    const provider = this.providerOf(request.on);
    const files = sourceFiles(request, this.library);
    const options = request.options ?? {};
    const bases = await provider.bases();
    if (bases.length === 0) throw nothingToDeploy(request.on);
    const compiled = compileDeployment(files, this.library.roles, placeOptions(options, bases));
    const name = request.name ?? compiled.bundle.name;
    const known = await manager.findOneBy(Deployment, { name, removedAt: IsNull() });
    if (known !== null) refuseOtherCloud(known, request.on);
    const deployment = known ?? this.newDeployment(name, request.on, actor);
    Object.assign(deployment, { files, options, bundle: compiled.bundle.name });
    const nodes = await this.nodesOf(manager, deployment.id);
    const existing = new Map(nodes.map((node) => [node.key, node]));
    const requests = compiled.compiled.nodes.map((node): NodeRequest => ({
      deploymentId: deployment.id,
      deploymentName: deployment.name,
      key: node.key,
      constraints: node.constraints,
      base: node.base,
      container: node.container,
      layout: options.layout ?? 'flat',
      authorizedKeys: [deployment.sshPublicKey],
      hostname: `${name}-${node.key}`,
    }));
    const plan = deploymentPlan({ requests, existing, unitSteps: compiled.compiled.plan.steps, provider });
    return { deployment, isNew: known === null, compiled, existing, requests, provider, plan };
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

  private providerOf(cloud: string): CloudProvider {
    const provider = this.providers.find((each) => each.kind === cloud);
    if (provider !== undefined) return provider;
    throw new MusterError('invalid', `cannot use a cloud named "${cloud}"`, {
      hint: `known are ${this.providers.map((each) => each.kind).join(', ')}`,
    });
  }
}

function changesOf(prepared: Prepared, previews: readonly NodePreview[]): string[] {
  const { requests, existing, compiled } = prepared;
  const choice = new Map(previews.map((preview) => [preview.key, preview.choice]));
  return [
    ...requests
      .filter((request) => !existing.has(request.key))
      .map(({ key, base }) => `deploy ${base.os}@${base.release} to node ${key}: ${choice.get(key) ?? ''}`),
    ...compiled.compiled.units.map((unit) => `lay ${unit.role} as ${unit.name} on node ${unit.node}`),
    ...surplusOf(prepared).map((node) => `give back node ${node.key} (${node.name})`),
  ];
}

function surplusOf({ requests, existing }: Prepared): Node[] {
  const wanted = new Set(requests.map((request) => request.key));
  return [...existing.values()].filter((node) => !wanted.has(node.key));
}

function erasure(node: Pick<Node, 'key' | 'name'>): string {
  return `the disks of node ${node.key} (${node.name}) are erased`;
}

function refuseOtherPlan(compiled: string, shown: string | undefined): void {
  if (shown === undefined || shown === compiled) return;
  throw new MusterError('conflict', 'cannot run the plan that was shown: things have changed since', {
    hint: 'look at the new plan: `muster plan`',
  });
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

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
