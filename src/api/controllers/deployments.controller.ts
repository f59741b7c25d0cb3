import { Controller, Inject, Param } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import type { Principal } from '../../access/index.js';
import {
  BundleOutputs,
  type BundleOutput,
  DeploymentsService,
  TeardownService,
  upgradeProgress,
  VerifyService,
  type Deployment as StoredDeployment,
  type UpRequest,
} from '../../deployments/index.js';
import { MusterError } from '../../error.js';
import { RunsService } from '../../pipeline/index.js';
import {
  deploymentsRoutes,
  type BodyOf,
  type Connection,
  type Deployment,
  type DeploymentDetail,
  type PlanReply,
  type QueryOf,
  type ResponseOf,
  type Run,
} from '../contract/index.js';
import { fileForAudit } from '../audit-form.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { DeploymentRuns } from '../deployment-runs.js';
import { MachineDirectory } from '../machine-directory.js';
import { deploymentView, downPlanView, nodeView, planView, unitViews } from '../views/deployment-view.js';
import { runSummaryView, runView } from '../views/run-view.js';

@Controller()
export class DeploymentsController {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(TeardownService) private readonly teardown: TeardownService,
    @Inject(VerifyService) private readonly verification: VerifyService,
    @Inject(DeploymentRuns) private readonly started: DeploymentRuns,
    @Inject(BundleOutputs) private readonly outputs: BundleOutputs,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(MachineDirectory) private readonly machines: MachineDirectory,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  @Endpoint(deploymentsRoutes.list)
  async list(): Promise<ResponseOf<typeof deploymentsRoutes.list>> {
    const items: Deployment[] = [];
    for (const deployment of await this.deployments.list()) items.push(await this.view(deployment));
    return { items };
  }

  @Endpoint(deploymentsRoutes.show)
  async show(@Param('deployment') reference: string): Promise<DeploymentDetail> {
    const deployment = await this.deployments.get(reference);
    const nodes = await this.deployments.nodesOf(this.dataSource.manager, deployment.id);
    const runs = await this.runs.list({ subject: { kind: 'deployment', id: deployment.id } });
    const laid = runs.find((run) => !LEAVES_UNITS.has(run.action));
    const run = laid === undefined ? null : await this.runs.get(laid.id);
    const standing = await this.deployments.standing(deployment);
    const stands = new Set(standing.units.map((unit) => unit.name));
    return {
      ...(await this.view(deployment)),
      nodes: nodes.map((node) => nodeView(node, nodes)),
      units: unitViews(this.deployments.compiled(deployment), nodes, stands, run),
      upgrade: run === null ? null : upgradeProgress(run),
      outputs: Object.fromEntries((await this.outputs.list(deployment)).map(({ name, value }) => [name, value])),
    };
  }

  @Endpoint(deploymentsRoutes.plan)
  async plan(@GivenBody() body: BodyOf<typeof deploymentsRoutes.plan>): Promise<PlanReply> {
    return planView(await this.deployments.plan(requestOf(body)));
  }

  @Endpoint(deploymentsRoutes.up)
  async up(
    @GivenBody() body: BodyOf<typeof deploymentsRoutes.up>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof deploymentsRoutes.up>> {
    const request = { ...requestOf(body), planHash: body.planHash };
    const { deployment, run } = await note.change(async (manager) => {
      const made = await this.deployments.up(manager, request, who.name);
      const { name, version, cloud, files } = made.deployment;
      note.subject = `deployments/${name}`;
      const replaced = body.replace.length === 0 ? {} : { replace: body.replace };
      note.after = { version, cloud, files: files.map(fileForAudit), ...replaced, run: made.run.id };
      return made;
    });
    await this.runs.nudge(run.id);
    const view = await this.view(deployment);
    if (view.run === null) throw new MusterError('internal', `cannot show run ${run.id}: it is not stored`);
    return { deployment: view, run: view.run };
  }

  @Endpoint(deploymentsRoutes.downPlan)
  async downPlan(
    @Param('deployment') reference: string,
    @GivenQuery() query: QueryOf<typeof deploymentsRoutes.downPlan>,
  ): Promise<ResponseOf<typeof deploymentsRoutes.downPlan>> {
    return downPlanView(await this.teardown.planDown(reference, query.forget?.split(',') ?? []));
  }

  @Endpoint(deploymentsRoutes.down)
  down(
    @Param('deployment') reference: string,
    @GivenBody() body: BodyOf<typeof deploymentsRoutes.down>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    return this.started.begin(reference, note, (deployment) =>
      Promise.resolve((manager) => this.teardown.down(manager, deployment, who.name, body.forget)),
    );
  }

  @Endpoint(deploymentsRoutes.verify)
  verify(
    @Param('deployment') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<{ run: Run }> {
    return this.started.begin(reference, note, async (deployment) => {
      const plan = await this.verification.planVerify(deployment);
      return (manager) => this.verification.verify(manager, deployment, plan, who.name);
    });
  }

  @Endpoint(deploymentsRoutes.openOutput)
  async openOutput(@Param('deployment') reference: string, @Param('output') name: string): Promise<BundleOutput> {
    return this.outputs.open(await this.deployments.get(reference), name);
  }

  @Endpoint(deploymentsRoutes.connection)
  connection(@Param('deployment') reference: string, @Param('node') node: string): Promise<Connection> {
    return this.deployments.connection(reference, node.replaceAll('~', '/'));
  }

  @Endpoint(deploymentsRoutes.machineConnection)
  async machineConnection(@Param('machine') reference: string, @Who() who: Principal): Promise<Connection> {
    const machine = await this.machines.get(reference, who);
    if (machine.deploymentId === null) {
      throw new MusterError('conflict', `cannot log in to ${machine.name}: no deployment holds it`, {
        hint: `use the key that it was deployed with; its host keys: muster machines show ${machine.name}`,
      });
    }
    const nodes = await this.deployments.nodesOf(this.dataSource.manager, machine.deploymentId);
    const { compiled } = this.deployments.compiled(await this.deployments.get(machine.deploymentId));
    const wanted = compiled.nodes.map(({ key }) => key);
    await this.machines.refuseOtherPools({ id: machine.deploymentId, nodes, wanted }, who);
    const node = nodes.find((each) => each.machineId === machine.id);
    if (node !== undefined) return this.deployments.connection(machine.deploymentId, node.key);
    throw new MusterError('conflict', `cannot log in to ${machine.name}: it does not answer SSH yet`, {
      hint: `muster logs -f ${machine.name}`,
    });
  }

  private async view(deployment: StoredDeployment): Promise<Deployment> {
    const runs = await this.runs.list({ subject: { kind: 'deployment', id: deployment.id }, limit: LATEST });
    // An action that failed says nothing of how the deployment stands.
    const latest = runs.find(({ action, finishedAt }) => action !== 'action' || finishedAt === null) ?? runs[0];
    if (latest === undefined) return deploymentView(deployment, null);
    const isOver = latest.finishedAt !== null;
    const run = isOver
      ? runSummaryView(latest, deployment.name)
      : runView(await this.runs.get(latest.id), deployment.name);
    return deploymentView(deployment, run);
  }
}

/** So many actions in a row are looked past. */
const LATEST = 20;

/** Actions of runs that say nothing of how units are laid. */
const LEAVES_UNITS = new Set(['verify', 'action', 'down']);

function requestOf(body: BodyOf<typeof deploymentsRoutes.plan>): UpRequest {
  const { bundle, files, overlays, settings, name, on, layout, base, replace } = body;
  return { bundle, files, overlays, settings, name, on, replace, options: { layout, base } };
}
