import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import {
  compileAction,
  expectedNames,
  readParams,
  SECRET_SHOWN,
  secretsAmong,
  type PlannedUnit,
  type RoleAction,
} from '../bundles/index.js';
import { MusterError } from '../error.js';
import { RunsService, type NewRun, type RunEntity } from '../pipeline/index.js';
import type { Plan } from '../plan/index.js';
import type { Settings } from '../platform/config/index.js';
import { SETTINGS } from '../platform/index.js';
import { afterAnswers } from './answering-nodes.js';
import { placeOptions, type CompiledDeployment } from './compile-deployment.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';
import { knownDeployment, StandingState, type DeploymentStanding } from './standing.js';

export interface ActionWish {
  /** A unit, or an application: all of its units. */
  target: string;
  action: string;
  /** As written. */
  params: Readonly<Record<string, string>>;
}

/** What is run for an action. */
export interface PlannedAction {
  plan: Plan;
  /** By the key of a step: its secret parameters. */
  given: NonNullable<NewRun['given']>;
  /** The parameters as they were written; of secret ones no value. */
  shown: Record<string, string>;
}

/** Whose action it is, and which of its units stand. */
export interface OfferedAction {
  application: string;
  units: string[];
  action: RoleAction;
}

/** What roles do on request. */
@Injectable()
export class ActionsService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(StandingState) private readonly state: StandingState,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** In the order of the bundle; of one application only, where one is named. Throws where there is no such. */
  async list(deployment: Deployment, application?: string): Promise<OfferedAction[]> {
    const compiled = this.records.compiled(deployment);
    if (application !== undefined) getApplication(compiled, application);
    const standing = await this.standing(deployment);
    return [...compiled.bundle.applications.keys()]
      .filter((name) => application === undefined || name === application)
      .flatMap((name) => {
        const units = unitsOf(compiled, standing, name).map((unit) => unit.name);
        return [...actionsOf(compiled, name).values()].map((action) => ({ application: name, units, action }));
      });
  }

  /** What is run for it, as soon as the nodes have answered. Throws with all that is wrong with the parameters. */
  async plan(deployment: Deployment, { target, action: wanted, params }: ActionWish): Promise<PlannedAction> {
    const compiled = this.records.compiled(deployment);
    const [application = ''] = target.split('/');
    getApplication(compiled, application);
    const action = getAction(compiled, application, wanted);
    const standing = await this.standing(deployment);
    const units = chosenUnits(target, action, compiled, unitsOf(compiled, standing, application));
    const { values, problems } = readParams(action, params);
    if (problems.length > 0)
      throw new MusterError('invalid', `cannot run ${wanted} of ${application} with these parameters`, {
        details: problems.map((message) => ({ message })),
        hint: `muster actions list ${deployment.name} ${application}`,
      });
    const { bundle, roles } = compiled;
    const { plan } = compileAction(
      { bundle, roles, known: knownDeployment(standing), options: placeOptions(deployment.options) },
      { units: units.map(({ name }) => name), action, params: values },
    );
    const nodes = await this.records.nodesOf(this.dataSource.manager, deployment.id);
    const secrets = secretsAmong(action, values);
    return {
      plan: afterAnswers(
        plan,
        nodes.filter(({ key }) => units.some(({ node }) => node === key)),
        this.settings.pipeline.answerSeconds,
      ),
      given: Object.fromEntries(plan.steps.flatMap((step) => (step.given === undefined ? [] : [[step.key, secrets]]))),
      shown: Object.fromEntries(
        Object.entries(params).map(([name, value]) => [
          name,
          action.params.get(name)?.secret === true ? SECRET_SHOWN : value,
        ]),
      ),
    };
  }

  submit(
    manager: EntityManager,
    deployment: Deployment,
    {
      target,
      action,
      plan,
      given,
      actor,
    }: Omit<ActionWish, 'params'> & Omit<PlannedAction, 'shown'> & { actor: string },
  ): Promise<RunEntity> {
    const subject = { kind: 'deployment', id: deployment.id };
    const title = `${action} on ${target} (${deployment.name})`;
    return this.runs.submit(manager, { subject, action: 'action', title, plan, given, actor });
  }

  private async standing(deployment: Deployment): Promise<DeploymentStanding> {
    const { manager } = this.dataSource;
    return this.state.of(manager, deployment, await this.records.nodesOf(manager, deployment.id));
  }
}

function getApplication({ bundle }: CompiledDeployment, name: string): void {
  if (bundle.applications.has(name)) return;
  throw new MusterError('not-found', `cannot find an application "${name}" in the deployment`, {
    hint: expectedNames(name, bundle.applications.keys(), 'applications'),
  });
}

function actionsOf({ bundle, roles }: CompiledDeployment, application: string): ReadonlyMap<string, RoleAction> {
  return roles.get(bundle.applications.get(application)?.role.value ?? '')?.actions ?? new Map<string, RoleAction>();
}

function getAction(compiled: CompiledDeployment, application: string, name: string): RoleAction {
  const actions = actionsOf(compiled, application);
  const found = actions.get(name);
  if (found !== undefined) return found;
  throw new MusterError('not-found', `cannot find an action "${name}" of ${application}`, {
    hint: expectedNames(name, actions.keys(), 'actions'),
  });
}

function unitsOf({ compiled }: CompiledDeployment, standing: DeploymentStanding, application: string): PlannedUnit[] {
  const stands = new Set(standing.units.map(({ name }) => name));
  return compiled.units.filter((unit) => unit.application === application && stands.has(unit.name));
}

function chosenUnits(
  target: string,
  { name, leader }: RoleAction,
  { compiled }: CompiledDeployment,
  standing: readonly PlannedUnit[],
): PlannedUnit[] {
  if (!target.includes('/')) {
    const chosen = leader ? standing.filter((unit) => unit.leader) : [...standing];
    if (chosen.length > 0) return chosen;
    throw new MusterError('conflict', `cannot run ${name} on ${target}: no unit of it is laid down`);
  }
  const unit = standing.find((each) => each.name === target);
  if (unit === undefined) {
    const hint = `its units: ${standing.map((each) => each.name).join(', ') || 'none'}`;
    if (compiled.units.some((each) => each.name === target))
      throw new MusterError('conflict', `cannot run ${name} on ${target}: it is not laid down`, { hint });
    throw new MusterError('not-found', `cannot find unit ${target}`, { hint });
  }
  if (leader && !unit.leader)
    throw new MusterError('conflict', `cannot run ${name} on ${target}: it runs on unit 0 alone`, {
      hint: `${unit.application}/0`,
    });
  return [unit];
}
