import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { DeploymentsService } from '../../deployments/index.js';
import { changesRoutes, type BodyOf, type PlanReply, type Run } from '../contract/index.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { planView } from '../views/deployment-view.js';

/** `set`, `scale` and `diff`: what is done to a deployment that is there. */
@Controller()
export class ChangesController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(DeploymentRuns) private readonly started: DeploymentRuns,
  ) {}

  @Endpoint(changesRoutes.plan)
  async plan(
    @Param('deployment') reference: string,
    @GivenBody() { settings, replace }: BodyOf<typeof changesRoutes.plan>,
  ): Promise<PlanReply> {
    const deployment = await this.deployments.get(reference);
    return planView(
      await this.deployments.planChange(deployment, this.deployments.withSettings(deployment, settings), replace),
    );
  }

  @Endpoint(changesRoutes.apply)
  apply(
    @Param('deployment') reference: string,
    @GivenBody() { settings, replace, again, action, planHash }: BodyOf<typeof changesRoutes.apply>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    return this.started.begin(reference, note, (deployment) => {
      const said = settings.length === 0 ? '' : this.deployments.shownSettings(deployment, settings);
      const title = `${action} ${deployment.name} ${[...replace, said].join(' ')}`.trim().slice(0, 200);
      const wanted = this.deployments.withSettings(deployment, settings);
      return Promise.resolve((manager) =>
        this.deployments.change(manager, deployment, wanted, { action, title, actor, planHash, replace, again }),
      );
    });
  }
}
