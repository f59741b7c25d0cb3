import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import { leaving, removalPlan } from './deployment-plan.js';
import { DeploymentPlanner, identityOf } from './deployment-planner.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';
import type { DeploymentPreview } from './deployments.service.js';

/** `down`: everything goes back to where it came from. */
@Injectable()
export class TeardownService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(DeploymentPlanner) private readonly planner: DeploymentPlanner,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
  ) {}

  /** What `down` would do. `forget`: keys of nodes that are let go unreached. */
  async planDown(
    name: string,
    forget: readonly string[] = [],
  ): Promise<Omit<DeploymentPreview, 'diagnostics' | 'diff' | 'estimate' | 'planHash'>> {
    const deployment = await this.records.get(name);
    const { nodes, lost, plan, provider } = await this.removal(this.dataSource.manager, deployment, forget);
    const removals = nodes.map((node) => provider.removalOf(node, lost.has(node.key)));
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: removals.map(({ change }) => change),
      destroys: removals.flatMap(({ destroys }) => destroys),
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
    return { nodes, lost, provider, plan: removalPlan(nodes, provider, lost) };
  }
}
