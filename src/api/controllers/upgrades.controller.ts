import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { DeploymentsService, UpgradeService, type UpgradeWish } from '../../deployments/index.js';
import { upgradesRoutes, type BodyOf, type Run, type UpgradeReply } from '../contract/index.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { planView } from '../views/deployment-view.js';

/** `upgrade`: one failure domain at a time, and back. */
@Controller()
export class UpgradesController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(UpgradeService) private readonly upgrades: UpgradeService,
    @Inject(DeploymentRuns) private readonly started: DeploymentRuns,
  ) {}

  @Endpoint(upgradesRoutes.plan)
  async plan(
    @Param('deployment') reference: string,
    @GivenBody() body: BodyOf<typeof upgradesRoutes.plan>,
  ): Promise<UpgradeReply> {
    const preview = await this.upgrades.planUpgrade(await this.deployments.get(reference), wishOf(body));
    return { ...planView(preview), stages: preview.stages };
  }

  @Endpoint(upgradesRoutes.upgrade)
  upgrade(
    @Param('deployment') reference: string,
    @GivenBody() body: BodyOf<typeof upgradesRoutes.upgrade>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    const { planHash } = body;
    return this.started.begin(reference, note, (deployment) =>
      Promise.resolve((manager) => this.upgrades.upgrade(manager, deployment, wishOf(body), { actor, planHash })),
    );
  }
}

function wishOf(body: BodyOf<typeof upgradesRoutes.plan>): UpgradeWish {
  const { bundle, files, overlays, settings, rollback, batch } = body;
  const source = bundle === undefined && files.length === 0 ? undefined : { bundle, files, overlays };
  return { source, settings, rollback, batch };
}
