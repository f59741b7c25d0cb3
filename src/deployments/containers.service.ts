import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import type { Plan } from '../plan/index.js';
import { BundleLibrary } from './bundle-library.js';
import { cloneKey, clonePlan, deleteClonePlan } from './containers/container-clones.js';
import {
  moveSteps,
  receivingSteps,
  snapshotStep,
  type ContainerMove,
  type MoveHost,
  type SnapshotAction,
  type StandingContainer,
} from './containers/container-moves.js';
import { containerScripts, insideHost } from './containers/container-scripts.js';
import { hashOfPlan, stepOfKnownNode } from './deployment-plan.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';
import type { Node } from './node.entity.js';

/** Which containers go where: one of them, or all of a host; without `to` to the host that has the fewest. */
export interface MoveWish {
  node?: string;
  evacuate?: string;
  to?: string;
}

export interface MovePreview {
  deployment: string;
  cloud: string;
  changes: string[];
  plan: Plan;
  planHash: string;
}

/** What is done to containers on nodes beside what their bundle says. */
@Injectable()
export class ContainersService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
  ) {}

  /** `node`: its key in the bundle, or its own name. Throws where it is no container on a node. */
  async planSnapshot(
    deployment: Deployment,
    node: string,
    wish: { action: SnapshotAction; snapshot: string },
  ): Promise<Plan> {
    const nodes = await this.nodesOf(deployment);
    const container = standing(containerOf(deployment, nodes, node));
    return { steps: [snapshotStep(container, wish, containerScripts(this.library.roles))] };
  }

  /** A copy of a container, on its host. Throws (`conflict`) where there is one of that name. */
  async planClone(deployment: Deployment, node: string, name: string): Promise<Plan> {
    const nodes = await this.nodesOf(deployment);
    const original = containerOf(deployment, nodes, node);
    if (original.cloneOf !== null)
      throw new MusterError('conflict', `cannot clone ${original.key}: it is a clone of ${original.cloneOf} itself`);
    if (nodes.some(({ key }) => key === cloneKey(original.key, name)))
      throw new MusterError('conflict', `cannot clone ${original.key}: it has a clone named ${name}`, {
        hint: `give another --name, or delete it: muster nodes delete ${deployment.name} ${cloneKey(original.key, name)}`,
      });
    return clonePlan(standing(original), name, containerScripts(this.library.roles));
  }

  /** Takes a clone away. What a bundle names goes with its bundle. */
  async planDelete(deployment: Deployment, node: string): Promise<Plan> {
    const found = containerOf(deployment, await this.nodesOf(deployment), node);
    if (found.cloneOf === null)
      throw new MusterError('conflict', `cannot delete node ${found.key}: it is no clone, its bundle names it`, {
        hint: 'take it out of the bundle and run `muster up`, or `muster scale` its application',
      });
    return deleteClonePlan({ ...standing(found), id: found.id }, containerScripts(this.library.roles));
  }

  async planMove(deployment: Deployment, wish: MoveWish): Promise<MovePreview> {
    const nodes = await this.nodesOf(deployment);
    const pairs = choose(deployment, nodes, wish);
    const { units } = this.records.compiled(deployment).compiled;
    const hostOf = ({ key }: Node): MoveHost => ({ key, ...insideHost(key, units) });
    const moves = pairs.map(({ container, from, to }): ContainerMove => ({
      ...{ container: standing(container), from: hostOf(from), to: hostOf(to) },
    }));
    const known = new Map(pairs.flatMap(({ from, to }) => [from, to]).map((host) => [host.id, host]));
    const scripts = containerScripts(this.library.roles);
    const plan = {
      steps: [
        ...[...known.values()].map(stepOfKnownNode),
        ...receivingSteps(moves, scripts),
        ...moves.flatMap((move) => moveSteps(move, scripts)),
      ],
    };
    const changes = pairs.map(
      ({ container, from, to }) =>
        `stop container ${container.name}, take it from node ${from.key} to node ${to.key}, start it there`,
    );
    const { name, cloud } = deployment;
    return { deployment: name, cloud, changes, plan, planHash: hashOfPlan(plan, deployment) };
  }

  /** Before a plan is made: where a run of the deployment ends until the plan is submitted, it is refused. */
  moment(deployment: Deployment): Promise<string> {
    return this.runs.moment(this.dataSource.manager, { kind: 'deployment', id: deployment.id });
  }

  submit(
    manager: EntityManager,
    deployment: Deployment,
    { plan, action, title, actor, since }: { plan: Plan; action: string; title: string; actor: string; since: string },
  ): Promise<RunEntity> {
    const subject = { kind: 'deployment', id: deployment.id };
    const full = `${title} (${deployment.name})`;
    return this.runs.submit(manager, { subject, action, title: full, plan, actor, since });
  }

  private nodesOf(deployment: Deployment): Promise<Node[]> {
    return this.records.nodesOf(this.dataSource.manager, deployment.id);
  }
}

interface Pair {
  container: Node;
  from: Node;
  to: Node;
}

function choose(deployment: Deployment, nodes: readonly Node[], { node, evacuate, to }: MoveWish): Pair[] {
  if ((node === undefined) === (evacuate === undefined))
    throw new MusterError('invalid', 'cannot tell what is to be moved', {
      hint: 'name one node, or the host to evacuate',
    });
  const moving =
    evacuate === undefined
      ? [containerOf(deployment, nodes, node ?? '')]
      : containersOn(nodes, hostNamed(deployment, nodes, evacuate));
  if (moving.length === 0)
    throw new MusterError('conflict', `cannot evacuate node ${evacuate ?? ''}: no container is on it`);
  const load = new Map(hostsOf(nodes).map((host) => [host, containersOn(nodes, host).length]));
  return moving.map((container) => {
    const from = nodes.find(({ id }) => id === container.hostNodeId);
    if (from === undefined) throw new MusterError('conflict', `cannot move ${container.key}: its host is gone`);
    const target = to === undefined ? leastLoaded(container, from, load) : hostNamed(deployment, nodes, to);
    if (target === from)
      throw new MusterError('conflict', `cannot move ${container.key} to node ${from.key}: it is there`);
    if (target.architecture !== container.architecture)
      throw new MusterError(
        'conflict',
        `cannot move ${container.key} to node ${target.key}: it is ${target.architecture}`,
      );
    load.set(target, (load.get(target) ?? 0) + 1);
    return { container, from, to: target };
  });
}

const hostsOf = (nodes: readonly Node[]) => nodes.filter(({ hostNodeId }) => hostNodeId === null);
const containersOn = (nodes: readonly Node[], host: Node) => nodes.filter(({ hostNodeId }) => hostNodeId === host.id);

function leastLoaded(container: Node, from: Node, load: ReadonlyMap<Node, number>): Node {
  const fitting = [...load].filter(([host]) => host !== from && host.architecture === container.architecture);
  const [found] = fitting.sort(([a, countA], [b, countB]) => countA - countB || (a.key < b.key ? -1 : 1));
  if (found !== undefined) return found[0];
  throw new MusterError('conflict', `cannot move ${container.key} away from node ${from.key}: there is no other host`, {
    hint: 'add a node first: muster scale APP=N',
  });
}

function hostNamed(deployment: Deployment, nodes: readonly Node[], wanted: string): Node {
  const hosts = hostsOf(nodes);
  const found = hosts.find(({ key, name }) => key === wanted || name === wanted);
  if (found !== undefined) return found;
  throw new MusterError('not-found', `cannot find a host ${wanted} in ${deployment.name}`, {
    hint: `its hosts: ${hosts.map(({ key }) => key).join(', ') || 'none'}`,
  });
}

function containerOf(deployment: Deployment, nodes: readonly Node[], wanted: string): Node {
  const node = nodes.find(({ key, name }) => key === wanted || name === wanted);
  if (node?.hostNodeId != null) return node;
  const containers = nodes.filter(({ hostNodeId }) => hostNodeId !== null).map(({ key }) => key);
  const hint = `its containers on nodes: ${containers.join(', ') || 'none'}`;
  if (node === undefined)
    throw new MusterError('not-found', `cannot find node ${wanted} in ${deployment.name}`, { hint });
  throw new MusterError('conflict', `cannot do this with node ${wanted}: it is no container on another node`, { hint });
}

function standing(node: Node): StandingContainer {
  const { key, name, deploymentId, address, architecture, hostKeys } = node;
  return { key, name, deploymentId, address, architecture, hostKeys, hostNodeId: node.hostNodeId ?? '' };
}
