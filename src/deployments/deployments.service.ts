import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { SECRET_SHOWN, type Diagnostic, type Setting } from '../bundles/index.js';
import { MusterError } from '../error.js';
import { RunsService, type PlanEstimate, type RunEntity } from '../pipeline/index.js';
import type { JsonObject, Plan } from '../plan/index.js';
import type { RemoteTarget } from '../platform/remote/index.js';
import type { CompiledDeployment } from './compile-deployment.js';
import { destroyedWith, hashOfPlan, leaving } from './deployment-plan.js';
import { DeploymentPlanner, surplusOf, type Prepared, type UpRequest, type Wanted } from './deployment-planner.js';
import { DeploymentRecords } from './deployment-records.js';
import { Deployment } from './deployment.entity.js';
import { changesOf, deploymentDiff, type DeploymentDiff } from './describe-change.js';
import { DeploymentNodes } from './node-directory.js';
import type { Node } from './node.entity.js';
import { SchedulesService } from './schedules/schedules.service.js';
import { StandingState, type DeploymentStanding } from './standing.js';
import { withSettings } from './with-settings.js';

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
  diff: DeploymentDiff;
  diagnostics: Diagnostic[];
}

/** How a change is asked for. */
export interface ChangeAsked {
  /** `set`, `scale` … */
  action: string;
  title: string;
  actor: string;
  /** Run only the plan that was shown under this hash. */
  planHash?: string;
  /** Keys of nodes that are lost: others take their place. */
  replace?: readonly string[];
  /** What is laid down already runs once more, where it may. */
  again?: boolean;
  /** The earlier version that it goes back to. */
  restores?: number;
  /** Kept with the run. */
  context?: JsonObject;
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
    @Inject(StandingState) private readonly state: StandingState,
    @Inject(SchedulesService) private readonly schedules: SchedulesService,
  ) {}

  /** What `up` would do. Nothing is changed. */
  async plan(request: UpRequest): Promise<DeploymentPreview> {
    return this.preview(await this.planner.prepare(this.dataSource.manager, request));
  }

  /** What taking a deployment that is there to other files or options would do. Nothing is changed. */
  async planChange(
    deployment: Deployment,
    wanted: Wanted,
    replace: readonly string[] = [],
  ): Promise<DeploymentPreview> {
    return this.preview(await this.planner.prepareChange(this.dataSource.manager, deployment, wanted, { replace }));
  }

  /** What is prepared, as it is shown before it runs. */
  async preview(prepared: Prepared): Promise<DeploymentPreview> {
    const { deployment, before, provider, requests, existing, plan, compiled, replaced } = prepared;
    const missing = requests.filter((each) => !existing.has(each.key));
    const previews = await provider.preview(missing);
    const diff = deploymentDiff(prepared, before === null ? null : this.records.loadedOf(before));
    return {
      deployment: deployment.name,
      cloud: deployment.cloud,
      changes: changesOf(prepared, diff, previews),
      destroys: [
        ...previews.flatMap((preview) => preview.wipes),
        ...destroyedWith(replaced, provider),
        ...surplusOf(prepared).flatMap((node) => provider.removalOf(leaving(node), false).destroys),
      ],
      diff,
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
    const prepared = await this.planner.prepare(manager, request, actor);
    const { name, cloud, bundle } = prepared.deployment;
    const title = `up ${bundle} as ${name} on ${cloud}`;
    const run = await this.submit(manager, prepared, { action: 'up', title, actor, planHash: request.planHash });
    return { deployment: prepared.deployment, run };
  }

  /** Lays down once more what has been taken down, under its name. */
  async layAgain(
    manager: EntityManager,
    removed: Deployment,
    actor: string,
  ): Promise<{ deployment: Deployment; run: RunEntity }> {
    const { name, cloud, files, options } = removed;
    const prepared = await this.planner.prepareFiles(manager, { files, options, name, on: cloud }, actor);
    const run = await this.submit(manager, prepared, { action: 'up', title: `up ${name} again on ${cloud}`, actor });
    return { deployment: prepared.deployment, run };
  }

  /** What a deployment is with settings over those that it has. */
  withSettings(deployment: Deployment, settings: readonly Setting[]): Wanted {
    return withSettings(deployment, settings, (files) => this.records.loadedOf(files)?.bundle ?? null);
  }

  /** Settings as people may see them: `etcd.port=2381`, and of a secret no value. */
  shownSettings(deployment: Deployment, settings: readonly Setting[]): string {
    const { bundle, roles } = this.compiled(deployment);
    const isSecret = ({ application, option }: Setting) =>
      roles.get(bundle.applications.get(application)?.role.value ?? '')?.options.get(option)?.secret === true;
    return settings
      .map((each) => `${each.application}.${each.option}=${isSecret(each) ? SECRET_SHOWN : each.value}`)
      .join(' ');
  }

  /** Takes a deployment that is there to other files or options. */
  async change(manager: EntityManager, deployment: Deployment, wanted: Wanted, asked: ChangeAsked): Promise<RunEntity> {
    const prepared = await this.planner.prepareChange(manager, deployment, wanted, asked);
    return this.submit(manager, prepared, asked);
  }

  /** Stores the deployment's next version and the run that takes it there. */
  async submit(manager: EntityManager, prepared: Prepared, asked: ChangeAsked): Promise<RunEntity> {
    const { deployment, before, compiled, diff, plan, since } = prepared;
    const { action, title, actor } = asked;
    refuseOtherPlan(hashOfPlan(plan, deployment), asked.planHash);
    await this.records.saveVersion(manager, deployment, { isNew: before === null, actor, restores: asked.restores });
    await this.schedules.adopt(manager, deployment.name, compiled.bundle.settings.schedules, actor);
    await this.state.doubt(manager, deployment.id, [...diff.changes.keys()]);
    return this.runs.submit(manager, {
      ...{ subject: { kind: 'deployment', id: deployment.id }, action, title, plan, actor, since },
      context: { ...asked.context, version: deployment.version },
    });
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

  /** What its units were laid down with, and what they published. */
  async standing(deployment: Deployment): Promise<DeploymentStanding> {
    const { manager } = this.dataSource;
    return this.state.of(manager, deployment, await this.records.nodesOf(manager, deployment.id));
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
