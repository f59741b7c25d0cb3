import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import type { CloudProvider, ExistingNode } from '../clouds/index.js';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import { leaving } from './deployment-plan.js';
import { DeploymentPlanner, identityOf } from './deployment-planner.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';
import type { DeploymentPreview } from './deployments.service.js';
import { StandingState, type StandingUnit } from './standing.js';
import { teardownPlan } from './teardown-plan.js';
import { removalStepsOf } from './unit-removal.js';

/** `down`: everything goes back to where it came from. */
@Injectable()
export class TeardownService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(DeploymentPlanner) private readonly planner: DeploymentPlanner,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(StandingState) private readonly state: StandingState,
  ) {}

  /** What `down` would do. `forget`: keys of nodes that are let go unreached. */
  async planDown(
    name: string,
    forget: readonly string[] = [],
  ): Promise<Omit<DeploymentPreview, 'diagnostics' | 'diff' | 'estimate' | 'planHash'>> {
    const deployment = await this.records.get(name);
    const { nodes, lost, plan, provider, changes } = await this.removal(this.dataSource.manager, deployment, forget);
    const removals = nodes.map((node) => provider.removalOf(node, lost.has(node.key)));
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: [...changes, ...removals.map(({ change }) => change)],
      destroys: removals.flatMap(({ destroys }) => destroys),
      plan,
    };
  }

  /** Takes units off nodes that live on, gives every node back to its cloud, disks erased, and frees the name. Those in `forget` are let go unreached. */
  async down(
    manager: EntityManager,
    deployment: Deployment,
    actor: string,
    forget: readonly string[] = [],
  ): Promise<RunEntity> {
    const subject = { kind: 'deployment', id: deployment.id };
    const since = await this.runs.moment(manager, subject);
    const { plan } = await this.removal(manager, deployment, forget);
    return this.runs.submit(manager, {
      ...{ subject, since },
      action: 'down',
      title: `down ${deployment.name}`,
      plan,
      actor,
    });
  }

  /** Also what a failed `up` took and made no node of. */
  private async removal(manager: EntityManager, deployment: Deployment, forget: readonly string[]) {
    const provider = await this.planner.providerOf(deployment);
    const recorded = (await this.records.nodesOf(manager, deployment.id)).map(leaving);
    const known = new Set(recorded.map(identityOf));
    const unfinished = (await provider.held(deployment.id)).filter((node) => !known.has(identityOf(node)));
    const nodes = [...recorded, ...unfinished];
    const unknown = forget.filter((key) => !nodes.some((node) => node.key === key));
    if (unknown.length > 0) {
      throw new MusterError('invalid', `cannot forget ${unknown.join(', ')}: ${deployment.name} has no such node`, {
        hint: `its nodes: ${nodes.map((node) => node.key).join(', ')}`,
      });
    }
    const lost = new Set(forget);
    const { removal, nodeOf, changes } = await this.units(manager, deployment, nodes, { provider, lost });
    return { nodes, lost, provider, changes, plan: teardownPlan({ nodes, provider, lost, removal, nodeOf }) };
  }

  /** Units leave nodes that live on; of those that are thrown away whole, only who has to say goodbye outside. */
  private async units(
    manager: EntityManager,
    deployment: Deployment,
    nodes: readonly ExistingNode[],
    { provider, lost }: { provider: CloudProvider; lost: ReadonlySet<string> },
  ) {
    const recorded = await this.records.nodesOf(manager, deployment.id);
    const standing = await this.state.of(manager, deployment, recorded);
    const byId = new Map(nodes.map((node) => [node.nodeId, node]));
    const isLost = ({ key, hostNodeId }: ExistingNode): boolean =>
      lost.has(key) || (hostNodeId != null && lost.has(byId.get(hostNodeId)?.key ?? ''));
    const units = standing.units.filter(({ nodeId }) => {
      const node = byId.get(nodeId);
      return node !== undefined && !isLost(node);
    });
    const outlives = ({ nodeId }: StandingUnit) => {
      const node = byId.get(nodeId);
      return node !== undefined && provider.outlives(node);
    };
    const removal = await this.planner.removal(manager, deployment, {
      ...{ units, standing, isEnd: true },
      isNeeded: (unit, isOutside) => isOutside || outlives(unit),
    });
    const nodeOf = new Map(standing.units.map(({ name, nodeId }) => [name, byId.get(nodeId)?.key ?? '']));
    const leaving = units.filter(({ name }) => removalStepsOf(removal, name).length > 0);
    const notices = units.some(outlives) ? removal.notices : [];
    const changes = leaving.map(({ name }) => `remove ${name} from node ${nodeOf.get(name) ?? ''}`);
    return { removal, nodeOf, changes: [...notices, ...changes] };
  }
}
