import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import type { Diagnostic } from '../bundles/index.js';
import { MusterError } from '../error.js';
import { RunsService, type PlanEstimate, type RunEntity } from '../pipeline/index.js';
import type { Plan } from '../plan/index.js';
import type { RemoteTarget } from '../platform/remote/index.js';
import type { CompiledDeployment } from './compile-deployment.js';
import { hashOfPlan, leaving } from './deployment-plan.js';
import { changesOf, DeploymentPlanner, surplusOf, type UpRequest } from './deployment-planner.js';
import { DeploymentRecords } from './deployment-records.js';
import { Deployment } from './deployment.entity.js';
import { DeploymentNodes } from './node-directory.js';
import type { Node } from './node.entity.js';

export interface DeploymentPreview {
  deployment: string;
  cloud: string;
  /** What would be done, a line each. */
  changes: string[];
  /** What would be overwritten or erased, a line each. */
  destroys: string[];
  plan: Plan;
  planHash: string;
  estimate: PlanEstimate;
  diagnostics: Diagnostic[];
}

/** Where a bundle, a cloud and the pipeline meet. */
@Injectable()
export class DeploymentsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(DeploymentPlanner) private readonly planner: DeploymentPlanner,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(DeploymentNodes) private readonly nodes: DeploymentNodes,
  ) {}

  /** What `up` would do. Nothing is changed. */
  async plan(request: UpRequest): Promise<DeploymentPreview> {
    const prepared = await this.planner.prepare(this.dataSource.manager, request);
    const { deployment, provider, requests, existing, plan, compiled } = prepared;
    const missing = requests.filter((each) => !existing.has(each.key));
    const previews = await provider.preview(missing);
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: changesOf(prepared, previews),
      destroys: [
        ...previews.flatMap((preview) => preview.wipes),
        ...surplusOf(prepared).flatMap((node) => provider.removalOf(leaving(node), false).destroys),
      ],
      plan,
      planHash: hashOfPlan(plan, deployment),
      estimate: await this.runs.estimate(plan),
      diagnostics: compiled.diagnostics,
    };
  }

  /** Takes a bundle to what it says: deployment, run and steps are stored in the manager's transaction. */
  async up(
    manager: EntityManager,
    request: UpRequest,
    actor: string,
  ): Promise<{ deployment: Deployment; run: RunEntity }> {
    const { deployment, isNew, plan, compiled } = await this.planner.prepare(manager, request, actor);
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

  list(): Promise<Deployment[]> {
    return this.records.list();
  }

  /** By name, or by id (also one that has been taken down). */
  get(nameOrId: string): Promise<Deployment> {
    return this.records.get(nameOrId);
  }

  nodesOf(manager: EntityManager, deploymentId: string): Promise<Node[]> {
    return this.records.nodesOf(manager, deploymentId);
  }

  compiled(deployment: Deployment): CompiledDeployment {
    return this.records.compiled(deployment);
  }

  /** What SSH needs to reach a node; `node` is its key in the bundle, its name, or a unit on it (`lxd/0`). */
  async connection(name: string, node: string): Promise<RemoteTarget & { name: string }> {
    const deployment = await this.get(name);
    return this.nodes.get(deployment, this.nodeKeyOf(deployment, node));
  }

  private nodeKeyOf(deployment: Deployment, node: string): string {
    if (!node.includes('/')) return node;
    const unit = this.compiled(deployment).compiled.units.find((each) => each.name === node);
    if (unit === undefined) throw new MusterError('not-found', `cannot find unit ${node} in ${deployment.name}`);
    return unit.node;
  }
}

function refuseOtherPlan(compiled: string, shown: string | undefined): void {
  if (shown === undefined || shown === compiled) return;
  throw new MusterError('conflict', 'cannot run the plan that was shown: things have changed since', {
    hint: 'look at the new plan: `muster plan`',
  });
}
