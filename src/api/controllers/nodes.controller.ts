import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { ContainersService, DeploymentsService } from '../../deployments/index.js';
import { MusterError } from '../../error.js';
import { nodesRoutes, type BodyOf, type ResponseOf, type Run } from '../contract/index.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { downPlanView } from '../views/deployment-view.js';

/** Containers on nodes: snapshots, and moves to other nodes. */
@Controller()
export class NodesController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(ContainersService) private readonly containers: ContainersService,
    @Inject(DeploymentRuns) private readonly started: DeploymentRuns,
  ) {}

  @Endpoint(nodesRoutes.snapshot)
  snapshot(
    @Param('deployment') reference: string,
    @Param('node') node: string,
    @GivenBody() wish: BodyOf<typeof nodesRoutes.snapshot>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    return this.started.begin(reference, note, async (deployment) => {
      const plan = await this.containers.planSnapshot(deployment, node.replaceAll('~', '/'), wish);
      const title = plan.steps[0]?.title ?? 'snapshot';
      return (manager) => this.containers.submit(manager, deployment, { plan, action: 'snapshot', title, actor });
    });
  }

  @Endpoint(nodesRoutes.planMove)
  async planMove(
    @Param('deployment') reference: string,
    @GivenBody() wish: BodyOf<typeof nodesRoutes.planMove>,
  ): Promise<ResponseOf<typeof nodesRoutes.planMove>> {
    const preview = await this.containers.planMove(await this.deployments.get(reference), wish);
    return { ...downPlanView({ ...preview, destroys: [] }), planHash: preview.planHash };
  }

  @Endpoint(nodesRoutes.move)
  move(
    @Param('deployment') reference: string,
    @GivenBody() { planHash, ...wish }: BodyOf<typeof nodesRoutes.move>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    return this.started.begin(reference, note, async (deployment) => {
      const preview = await this.containers.planMove(deployment, wish);
      if (planHash !== undefined && planHash !== preview.planHash)
        throw new MusterError('conflict', 'cannot run the plan that was shown: things have changed since');
      const title = wish.node === undefined ? `evacuate node ${wish.evacuate ?? ''}` : `move ${wish.node}`;
      const { plan } = preview;
      return (manager) => this.containers.submit(manager, deployment, { plan, action: 'move', title, actor });
    });
  }
}
