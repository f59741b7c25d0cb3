import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { ContainersService, DeploymentsService, type Deployment } from '../../deployments/index.js';
import { MusterError } from '../../error.js';
import type { Plan } from '../../plan/index.js';
import { nodesRoutes, type BodyOf, type ResponseOf, type Run } from '../contract/index.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { downPlanView } from '../views/deployment-view.js';

interface Wish {
  action: string;
  actor: string;
  plan: (deployment: Deployment) => Promise<Plan>;
}

/** A key has slashes, which a path cannot have. */
const keyOf = (node: string) => node.replaceAll('~', '/');

/** Containers on nodes: snapshots, clones, and moves to other nodes. */
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
    const plan = (deployment: Deployment) => this.containers.planSnapshot(deployment, keyOf(node), wish);
    return this.begin(reference, note, { action: 'snapshot', actor, plan });
  }

  @Endpoint(nodesRoutes.clone)
  clone(
    @Param('deployment') reference: string,
    @Param('node') node: string,
    @GivenBody() { name }: BodyOf<typeof nodesRoutes.clone>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    const plan = (deployment: Deployment) => this.containers.planClone(deployment, keyOf(node), name);
    return this.begin(reference, note, { action: 'clone', actor, plan });
  }

  @Endpoint(nodesRoutes.delete)
  delete(
    @Param('deployment') reference: string,
    @Param('node') node: string,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    const plan = (deployment: Deployment) => this.containers.planDelete(deployment, keyOf(node));
    return this.begin(reference, note, { action: 'delete-clone', actor, plan });
  }

  /** A run whose first step says what it does. */
  private begin(reference: string, note: AuditNote, { action, actor, plan: planFor }: Wish): Promise<{ run: Run }> {
    return this.started.begin(reference, note, async (deployment) => {
      const since = await this.containers.moment(deployment);
      const plan = await planFor(deployment);
      const title = plan.steps[0]?.title ?? action;
      return (manager) => this.containers.submit(manager, deployment, { plan, action, title, actor, since });
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
      const since = await this.containers.moment(deployment);
      const preview = await this.containers.planMove(deployment, wish);
      if (planHash !== undefined && planHash !== preview.planHash)
        throw new MusterError('conflict', 'cannot run the plan that was shown: things have changed since');
      const title = wish.node === undefined ? `evacuate node ${wish.evacuate ?? ''}` : `move ${wish.node}`;
      const { plan } = preview;
      return (manager) => this.containers.submit(manager, deployment, { plan, action: 'move', title, actor, since });
    });
  }
}
