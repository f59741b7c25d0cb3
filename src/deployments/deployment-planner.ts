import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { IsNull, type EntityManager } from 'typeorm';
import { diffPlan, type Base, type PlanDiff } from '../bundles/index.js';
import { Clouds, type CloudProvider, type ExistingNode, type NodeRequest } from '../clouds/index.js';
import { MusterError } from '../error.js';
import { RunsService } from '../pipeline/index.js';
import type { Plan } from '../plan/index.js';
import { CLOCK, SECRET_BOX } from '../platform/index.js';
import type { Clock } from '../platform/clock.js';
import { generateSshKey } from '../platform/remote/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { BundleLibrary } from './bundle-library.js';
import { ContainerProvider } from './containers/container-provider.js';
import { containerScripts, insideOf } from './containers/container-scripts.js';
import { sourceFiles, type BundleSource } from './bundle-source.js';
import {
  compileDeployment,
  compileLoaded,
  loadDeployment,
  placeOptions,
  type CompiledDeployment,
  type LoadedDeployment,
} from './compile-deployment.js';
import { deploymentPlan, leaving, refuseLosingMoved, withoutClones, type Replaced } from './deployment-plan.js';
import { DeploymentRecords } from './deployment-records.js';
import { Deployment, type DeploymentOptions } from './deployment.entity.js';
import type { Node } from './node.entity.js';
import { outdatedNodes, type OutdatedNode } from './outdated-nodes.js';
import { baseOf, StandingState, type DeploymentStanding, type StandingUnit } from './standing.js';
import { removalOfUnits, type LaidBy, type RemovalWish, type UnitRemoval } from './unit-removal.js';

export interface UpRequest extends BundleSource {
  /** Default: the bundle's own name. */
  name?: string;
  /** Which cloud. */
  on: string;
  options?: DeploymentOptions;
  /** Run only the plan that was shown under this hash. */
  planHash?: string;
  /** Keys of nodes that are made anew: what is on them leaves, they are given back, and others take their place. */
  replace?: readonly string[];
}

/** The files and wishes that a deployment is to be taken to. */
export type Wanted = Pick<Deployment, 'files' | 'options'>;

export interface Prepared {
  /** With what is wanted in it already; not stored. */
  deployment: Deployment;
  /** Null: there was none of that name. */
  before: Wanted | null;
  compiled: CompiledDeployment;
  existing: Map<string, Node>;
  requests: NodeRequest[];
  provider: CloudProvider;
  standing: DeploymentStanding;
  diff: PlanDiff;
  /** Units that go, or go from where they are. */
  leaving: StandingUnit[];
  notices: string[];
  /** Nodes that stay although something else is wanted of them. */
  outdated: OutdatedNode[];
  replaced: Replaced;
  plan: Plan;
  /** From before the deployment was looked at: where a run of it has ended since, the plan is not run. */
  since: string;
}

interface Target {
  wanted: Wanted;
  isNew: boolean;
  cloud: CloudProvider;
  loaded: LoadedDeployment;
  /** By their keys. */
  replace: { keys: readonly string[]; isLost: boolean };
  again?: boolean;
}

/** Turns what was asked for into a deployment and the plan that takes it there; stores nothing. */
@Injectable()
export class DeploymentPlanner {
  constructor(
    @Inject(Clouds) private readonly clouds: Clouds,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(StandingState) private readonly state: StandingState,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** For a bundle as it was sent, under its own name or the one given. */
  async prepare(manager: EntityManager, request: UpRequest, actor = 'nobody'): Promise<Prepared> {
    const wanted = { files: sourceFiles(request, this.library), options: request.options ?? {} };
    const { name, on, replace } = request;
    return this.prepareFiles(manager, { ...wanted, name, on, replace }, actor);
  }

  /** For files; a deployment of that name may be there, or not. */
  async prepareFiles(
    manager: EntityManager,
    { files, options, on, replace = [], ...given }: Wanted & Pick<UpRequest, 'name' | 'on' | 'replace'>,
    actor: string,
  ): Promise<Prepared> {
    const cloud = await this.clouds.provider(on);
    const loaded = loadDeployment(files, this.library.roles);
    const name = given.name ?? loaded.bundle.name;
    const known = await manager.findOneBy(Deployment, { name, removedAt: IsNull() });
    if (known !== null) refuseOtherCloud(known, on);
    return this.difference(manager, known ?? this.newDeployment(name, on, actor), {
      ...{ wanted: { files, options }, isNew: known === null, cloud, loaded },
      replace: { keys: replace, isLost: false },
    });
  }

  /**
   * For a deployment that is there; nodes under the keys in `replace` are lost: let go, and others made in their place.
   * `again`: what is laid down already runs once more, where it may.
   */
  async prepareChange(
    manager: EntityManager,
    deployment: Deployment,
    wanted: Wanted,
    asked: { replace?: readonly string[]; again?: boolean } = {},
  ): Promise<Prepared> {
    const cloud = await this.clouds.provider(deployment.cloud);
    const loaded = loadDeployment(wanted.files, this.library.roles);
    const replace = { keys: asked.replace ?? [], isLost: true };
    return this.difference(manager, deployment, { wanted, isNew: false, cloud, loaded, ...asked, replace });
  }

  /** `nodes`: those that stay, with the bases that they have where the bundle lets them. */
  private async compile({ cloud, loaded, wanted }: Target, nodes: readonly Node[]): Promise<CompiledDeployment> {
    const bases = await cloud.bases();
    if (bases.length === 0) throw nothingToDeploy(cloud.kind);
    const standing = new Map(nodes.map((node) => [node.key, baseOf(node)] as const).filter(hasBase));
    return compileLoaded(loaded, { ...placeOptions(wanted.options, bases), standing });
  }

  private async difference(manager: EntityManager, deployment: Deployment, to: Target): Promise<Prepared> {
    const { wanted } = to;
    const since = await this.runs.moment(manager, { kind: 'deployment', id: deployment.id });
    const provider = this.withContainers(to.cloud, deployment.id);
    const before = to.isNew ? null : { files: deployment.files, options: deployment.options };
    Object.assign(deployment, wanted, { bundle: to.loaded.bundle.name });
    const { nodes, leftNodes, replaced } = await this.nodes(manager, deployment, provider, to.replace);
    const compiled = await this.compile(to, nodes);
    const requests = requestsOf(deployment, compiled);
    const existing = new Map(withoutClones(nodes, requests).map((node) => [node.key, node]));
    refuseLosingMoved(existing.values(), requests, deployment.name);
    const standing = await this.state.of(manager, deployment, [...nodes, ...leftNodes]);
    const staying = standingOn(standing, nodes);
    const going = leavingUnits(standing, staying, compiled);
    const removal = await this.removal(manager, deployment, { units: going, standing });
    const { units, plan: whole, verify, every } = compiled.compiled;
    const nodeKeys = new Map(units.map((unit) => [unit.name, unit.node]));
    const diff = diffPlan(whole, without(staying, going), {
      nodeOf: (key) => nodeKeys.get(key.slice(0, key.indexOf(':'))),
      verify: new Set(verify),
      ...{ every, now: this.clock.now() },
      disturbed: going.length > 0,
      again: to.again === true,
    });
    const plan = deploymentPlan({
      ...{ requests, existing, provider, unitSteps: diff.steps, removals: removal.steps },
      ...{ replaced, changing: changingSteps(diff, standing) },
    });
    const { notices } = removal;
    return {
      ...{ deployment, before, compiled, existing, requests, provider },
      ...{ standing, diff, leaving: going, notices, replaced, plan, since },
      outdated: outdatedNodes(requests, existing),
    };
  }

  /**
   * Those that stay, and those that are to be replaced: also what the cloud holds for one that never came to be.
   * `leftNodes`: of the latter the ones that units can be removed from.
   */
  private async nodes(
    manager: EntityManager,
    deployment: Deployment,
    provider: CloudProvider,
    { keys, isLost }: Target['replace'],
  ): Promise<{ nodes: Node[]; leftNodes: Node[]; replaced: Replaced }> {
    const nodes = await this.records.nodesOf(manager, deployment.id);
    if (keys.length === 0) return { nodes, leftNodes: [], replaced: { nodes: [], isLost } };
    // What is on a node goes with it; a container may have been moved away from the node that its key names.
    const hosts = new Set(nodes.filter(({ key }) => keys.includes(key)).map(({ id }) => id));
    const goes = ({ key, hostNodeId }: { key: string; hostNodeId?: string | null }) =>
      keys.includes(key) || (hostNodeId != null && hosts.has(hostNodeId));
    const recorded = new Set(nodes.map((node) => identityOf(leaving(node))));
    const held = (await provider.held(deployment.id)).filter((node) => !recorded.has(identityOf(node)));
    const leavingNodes = nodes.filter(goes);
    const replaced = { nodes: [...leavingNodes.map(leaving), ...held.filter(goes)], isLost };
    const unknown = keys.find((key) => !replaced.nodes.some((node) => node.key === key));
    if (unknown === undefined) {
      return { nodes: nodes.filter((node) => !goes(node)), leftNodes: isLost ? [] : leavingNodes, replaced };
    }
    throw new MusterError('invalid', `cannot replace ${unknown}: ${deployment.name} has no such node`, {
      hint: `its nodes: ${[...nodes, ...held].map((node) => node.key).join(', ') || 'none'}`,
    });
  }

  /** What takes units off their nodes: by the files of the deployment that laid them. */
  async removal(
    manager: EntityManager,
    deployment: Pick<Deployment, 'id'>,
    wish: Omit<RemovalWish, 'laidBy'>,
  ): Promise<UnitRemoval> {
    const versions = await this.records.versionsOf(manager, deployment.id, wish.units);
    return removalOfUnits({ ...wish, laidBy: (version) => this.laidBy(versions, version) });
  }

  private laidBy(versions: ReadonlyMap<number, Wanted>, version: number): LaidBy {
    const laid = versions.get(version);
    if (laid === undefined) throw new MusterError('internal', `the files of version ${version} are not kept`);
    const options = placeOptions(laid.options);
    return { ...compileDeployment(laid.files, this.library.roles, options), options };
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

/** Nodes that the bundle names no longer. */
export function surplusOf({ requests, existing }: Prepared): Node[] {
  const wanted = new Set(requests.map((request) => request.key));
  return [...existing.values()].filter((node) => !wanted.has(node.key));
}

/** What a cloud knows a node by, recorded or not: its machine, or the name that is the cloud's own. */
export function identityOf({ machineId, name }: ExistingNode): string {
  return machineId ?? name;
}

function requestsOf(deployment: Deployment, { compiled }: CompiledDeployment): NodeRequest[] {
  return compiled.nodes.map((node) => ({
    deploymentId: deployment.id,
    deploymentName: deployment.name,
    key: node.key,
    constraints: node.constraints,
    base: node.base,
    container: node.container,
    ...insideOf(node, compiled.units),
    layout: deployment.options.layout ?? 'flat',
    authorizedKeys: [deployment.sshPublicKey],
    hostname: `${deployment.name}-${node.key}`,
  }));
}

/** Without the nodes that go; what is known of their units stays, but for where they are. */
function standingOn(standing: DeploymentStanding, nodes: readonly Node[]): DeploymentStanding {
  const keys = new Set(nodes.map(({ key }) => key));
  return { ...standing, nodes: Object.fromEntries(Object.entries(standing.nodes).filter(([key]) => keys.has(key))) };
}

/** Units that the bundle names no longer, or puts on another node than one that stays: highest numbers first. */
function leavingUnits(
  standing: DeploymentStanding,
  staying: DeploymentStanding,
  { compiled }: CompiledDeployment,
): StandingUnit[] {
  const wanted = new Map(compiled.units.map((unit) => [unit.name, staying.nodes[unit.node]?.nodeId]));
  return standing.units.filter((unit) => wanted.get(unit.name) !== unit.nodeId).reverse();
}

function without(standing: DeploymentStanding, leaving: readonly StandingUnit[]): DeploymentStanding {
  const gone = new Set(leaving.map((unit) => unit.name));
  const steps = [...standing.steps].filter(([key]) => !gone.has(key.slice(0, key.indexOf(':'))));
  return { ...standing, steps: new Map(steps) };
}

/** Steps of units that stand already, wherever they are to be. */
function changingSteps(diff: PlanDiff, standing: DeploymentStanding): ReadonlySet<string> {
  const units = new Set(standing.units.map((unit) => unit.name));
  return new Set([...diff.changes.keys()].filter((key) => units.has(key.slice(0, key.indexOf(':')))));
}

const hasBase = (entry: readonly [string, Base | undefined]): entry is readonly [string, Base] =>
  entry[1] !== undefined;

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
