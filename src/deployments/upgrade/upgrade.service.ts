import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In, type EntityManager } from 'typeorm';
import type { Setting } from '../../bundles/index.js';
import { Machine } from '../../machines/index.js';
import type { RunEntity } from '../../pipeline/index.js';
import type { JsonObject } from '../../plan/index.js';
import { BundleLibrary } from '../bundle-library.js';
import { sourceFiles, type BundleSource } from '../bundle-source.js';
import { DeploymentPlanner, type Prepared, type Wanted } from '../deployment-planner.js';
import { DeploymentRecords } from '../deployment-records.js';
import { Deployment } from '../deployment.entity.js';
import { DeploymentsService, type DeploymentPreview } from '../deployments.service.js';
import type { Node } from '../node.entity.js';
import { rollingPlan, type RollingStage } from './rolling-plan.js';

/** What a deployment is to be upgraded to: another bundle, its own with settings, or the version before. */
export interface UpgradeWish {
  source?: BundleSource;
  settings?: readonly Setting[];
  rollback?: boolean;
  /** So many units of an application at once, within one failure domain. Default: one. */
  batch?: number;
}

export interface UpgradePreview extends DeploymentPreview {
  /** In order; each begins when the checks of the one before have passed. */
  stages: RollingStage[];
}

interface Rolling {
  prepared: Prepared;
  stages: RollingStage[];
  /** The version that is gone back to. */
  restores: number | null;
}

/** Where a machine's zone is not said, its name is this. */
const NO_ZONE = 'default';

/** `upgrade`: takes a deployment to another state one failure domain at a time, or back to the state before. */
@Injectable()
export class UpgradeService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(DeploymentPlanner) private readonly planner: DeploymentPlanner,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
  ) {}

  /** What it would do, and in which order. Nothing is changed. */
  async planUpgrade(deployment: Deployment, wish: UpgradeWish): Promise<UpgradePreview> {
    const { prepared, stages } = await this.rolling(this.dataSource.manager, deployment, wish);
    return { ...(await this.deployments.preview(prepared)), stages };
  }

  async upgrade(
    manager: EntityManager,
    deployment: Deployment,
    wish: UpgradeWish,
    { actor, planHash }: { actor: string; planHash?: string },
  ): Promise<RunEntity> {
    const from = deployment.version;
    const { prepared, stages, restores } = await this.rolling(manager, deployment, wish);
    const action = restores === null ? 'upgrade' : 'rollback';
    const title =
      restores === null ? `upgrade ${deployment.name}` : `roll ${deployment.name} back to version ${restores}`;
    const context = { upgrade: { from, stages } as unknown as JsonObject };
    return this.deployments.submit(manager, prepared, {
      ...{ action, title, actor, planHash, context },
      ...(restores === null ? {} : { restores }),
    });
  }

  private async rolling(manager: EntityManager, deployment: Deployment, wish: UpgradeWish): Promise<Rolling> {
    const { wanted, restores } = await this.wanted(manager, deployment, wish);
    const prepared = await this.planner.prepareChange(manager, deployment, wanted);
    const { plan, compiled, standing, existing } = prepared;
    const domains = await this.domains(manager, [...existing.values()]);
    const rolled = rollingPlan({
      ...{ plan, standing, units: compiled.compiled.units, order: compiled.compiled.order },
      ...{ checks: compiled.compiled.checks, verify: new Set(compiled.compiled.verify) },
      ...{ batch: wish.batch ?? 1, domainOf: (key) => domains.get(key) ?? `node ${key}` },
    });
    return { prepared: { ...prepared, plan: rolled.plan }, stages: rolled.stages, restores };
  }

  private async wanted(
    manager: EntityManager,
    deployment: Deployment,
    { source, settings = [], rollback = false }: UpgradeWish,
  ): Promise<{ wanted: Wanted; restores: number | null }> {
    if (rollback) {
      const { files, options, version } = await this.records.versionBefore(manager, deployment);
      return { wanted: { files, options }, restores: version };
    }
    if (source === undefined) return { wanted: this.deployments.withSettings(deployment, settings), restores: null };
    const files = sourceFiles({ ...source, settings }, this.library);
    const { settings: _, ...options } = deployment.options;
    return { wanted: { files, options }, restores: null };
  }

  /** What fails together: the zone of a machine where it is said, else the node; a container goes with its host. */
  private async domains(manager: EntityManager, nodes: readonly Node[]): Promise<Map<string, string>> {
    const ids = nodes.flatMap(({ machineId }) => machineId ?? []);
    const machines = ids.length === 0 ? [] : await manager.findBy(Machine, { id: In(ids) });
    const zones = new Map(machines.map(({ id, zone }) => [id, zone]));
    return new Map(
      nodes.map((node) => {
        const host = nodes.find(({ id }) => id === node.hostNodeId) ?? node;
        const zone = zones.get(host.machineId ?? '') ?? NO_ZONE;
        return [node.key, zone === NO_ZONE ? `node ${host.key}` : `zone ${zone}`];
      }),
    );
  }
}
