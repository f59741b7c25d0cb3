import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { compileVerify, type KnownDeployment } from '../bundles/index.js';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import type { JsonValue, Plan } from '../plan/index.js';
import { placeOptions } from './compile-deployment.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';

/** `verify`: proves again that a deployment works. */
@Injectable()
export class VerifyService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
  ) {}

  /** What runs the checks of the bundle and its roles once more. */
  async planVerify(deployment: Deployment): Promise<Plan> {
    const { bundle, roles } = this.records.compiled(deployment);
    const known = { nodes: await this.knownNodes(deployment), published: await this.published(deployment) };
    const { plan } = compileVerify({
      bundle,
      roles,
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

  private async knownNodes(deployment: Deployment): Promise<KnownDeployment['nodes']> {
    const nodes = await this.records.nodesOf(this.dataSource.manager, deployment.id);
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
}
