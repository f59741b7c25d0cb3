import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { ActionsService, DeploymentsService } from '../../deployments/index.js';
import { actionsRoutes, type BodyOf, type QueryOf, type ResponseOf, type Run } from '../contract/index.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { paramViews } from '../views/action-view.js';

/** What roles do on request. */
@Controller()
export class ActionsController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(ActionsService) private readonly actions: ActionsService,
    @Inject(DeploymentRuns) private readonly started: DeploymentRuns,
  ) {}

  @Endpoint(actionsRoutes.list)
  async list(
    @Param('deployment') reference: string,
    @GivenQuery() { application }: QueryOf<typeof actionsRoutes.list>,
  ): Promise<ResponseOf<typeof actionsRoutes.list>> {
    const found = await this.actions.list(await this.deployments.get(reference), application);
    return {
      items: found.map(({ application: name, units, action }) => ({
        ...{ application: name, action: action.name, summary: action.summary, units },
        ...{ params: paramViews(action.params), leader: action.leader, destructive: action.destructive },
      })),
    };
  }

  @Endpoint(actionsRoutes.run)
  run(
    @Param('deployment') reference: string,
    @GivenBody() wish: BodyOf<typeof actionsRoutes.run>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    const { target, action } = wish;
    return this.started.begin(reference, note, async (deployment) => {
      const { plan, given, shown } = await this.actions.plan(deployment, wish);
      note.after = { target, action, params: shown };
      return (manager) => this.actions.submit(manager, deployment, { target, action, plan, given, actor });
    });
  }
}
