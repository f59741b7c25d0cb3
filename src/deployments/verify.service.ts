import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { compileVerify } from '../bundles/index.js';
import { MusterError } from '../error.js';
import { RunsService, type RunEntity } from '../pipeline/index.js';
import type { Plan } from '../plan/index.js';
import type { Settings } from '../platform/config/index.js';
import { SETTINGS } from '../platform/index.js';
import { afterAnswers } from './answering-nodes.js';
import { placeOptions } from './compile-deployment.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';
import { knownDeployment, StandingState } from './standing.js';

/** `verify`: proves again that a deployment works. */
@Injectable()
export class VerifyService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(StandingState) private readonly state: StandingState,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** What runs the checks of the bundle and its roles once more, as soon as every node has answered. */
  async planVerify(deployment: Deployment): Promise<Plan> {
    const { manager } = this.dataSource;
    const { bundle, roles } = this.records.compiled(deployment);
    const nodes = await this.records.nodesOf(manager, deployment.id);
    const standing = await this.state.of(manager, deployment, nodes);
    const known = knownDeployment(standing);
    const { plan } = compileVerify({ bundle, roles, known, options: placeOptions(deployment.options) });
    if (plan.steps.length === 0) {
      throw new MusterError('conflict', `cannot verify ${deployment.name}: nothing in its bundle says how`, {
        hint: `only what is laid down is verified: muster status ${deployment.name}`,
      });
    }
    return afterAnswers(
      plan,
      nodes.filter(({ cloneOf }) => cloneOf === null),
      this.settings.pipeline.answerSeconds,
    );
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
}
