import { Inject, Injectable } from '@nestjs/common';
import { IsNull, type EntityManager } from 'typeorm';
import { MusterError } from '../../error.js';
import type { JsonObject, JsonValue } from '../../plan/index.js';
import { Deployment } from '../deployment.entity.js';
import { DeploymentsService } from '../deployments.service.js';
import { TeardownService } from '../teardown.service.js';
import { UpgradeService } from '../upgrade/upgrade.service.js';
import { VerifyService } from '../verify.service.js';
import type { ScheduleFiring } from './schedule-firing.entity.js';
import type { Schedule } from './schedule.entity.js';
import { SchedulesService } from './schedules.service.js';

/** Begins the runs that schedules ask for. */
@Injectable()
export class ScheduledActions {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(TeardownService) private readonly teardown: TeardownService,
    @Inject(VerifyService) private readonly verification: VerifyService,
    @Inject(UpgradeService) private readonly upgrades: UpgradeService,
    @Inject(SchedulesService) private readonly schedules: SchedulesService,
  ) {}

  /** The deployment that stands under a name, or else the last one that did. */
  async find(manager: EntityManager, name: string): Promise<Deployment | null> {
    const standing = await manager.findOneBy(Deployment, { name, removedAt: IsNull() });
    if (standing !== null) return standing;
    const [last] = await manager.find(Deployment, { where: { name }, order: { removedAt: 'desc' }, take: 1 });
    return last ?? null;
  }

  /** The id of the run that has begun; what a redeploy has to remember is written into the firing. */
  async begin(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<string> {
    const deployment = await this.find(manager, schedule.deployment);
    if (deployment === null) throw new MusterError('not-found', `there has never been a ${schedule.deployment}`);
    const actor = actorOf(schedule);
    if (schedule.action === 'redeploy') return this.redeploy(manager, deployment, firing, actor);
    if (schedule.action === 'up') return this.lay(manager, deployment, actor);
    if (deployment.removedAt !== null) throw new MusterError('conflict', `${deployment.name} is down`);
    switch (schedule.action) {
      case 'down':
        return (await this.teardown.down(manager, deployment, actor)).id;
      case 'verify': {
        const plan = await this.verification.planVerify(deployment);
        return (await this.verification.verify(manager, deployment, plan, actor)).id;
      }
      case 'apply':
        return this.apply(manager, deployment, schedule.action, actor);
      case 'upgrade':
        return (await this.upgrades.upgrade(manager, deployment, {}, { actor })).id;
    }
  }

  private async apply(manager: EntityManager, deployment: Deployment, action: string, actor: string): Promise<string> {
    const asked = { action, title: `${action} ${deployment.name}`, actor };
    return (await this.deployments.change(manager, deployment, deployment, asked)).id;
  }

  private async lay(manager: EntityManager, deployment: Deployment, actor: string): Promise<string> {
    if (deployment.removedAt === null) return this.apply(manager, deployment, 'up', actor);
    return (await this.deployments.layAgain(manager, deployment, actor)).run.id;
  }

  private async redeploy(
    manager: EntityManager,
    deployment: Deployment,
    firing: ScheduleFiring,
    actor: string,
  ): Promise<string> {
    if (deployment.removedAt === null) await this.refuseUnlayable(manager, deployment);
    const outputs = deployment.removedAt === null ? await this.outputs(deployment) : {};
    firing.source = { deploymentId: deployment.id, outputs };
    firing.phase = deployment.removedAt === null ? 'down' : 'up';
    if (firing.phase === 'up') return this.lay(manager, deployment, actor);
    return (await this.teardown.down(manager, deployment, actor)).id;
  }

  /** What the second half would be refused for, when it is torn down already. */
  private async refuseUnlayable(manager: EntityManager, deployment: Deployment): Promise<void> {
    const { bundle } = this.deployments.compiled(deployment);
    await this.schedules.refuseTaken(manager, deployment.name, bundle.settings.schedules);
  }

  /** The second half: lays down again what the first has torn down. */
  async goOn(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<string> {
    const torn = await manager.findOneByOrFail(Deployment, { id: firing.source?.deploymentId ?? '' });
    firing.phase = 'up';
    return this.lay(manager, torn, actorOf(schedule));
  }

  /** Of a redeploy that has ended well: what is published otherwise than before. */
  async difference(
    manager: EntityManager,
    schedule: Schedule,
    firing: ScheduleFiring,
  ): Promise<ScheduleFiring['outputs']> {
    const deployment = await this.find(manager, schedule.deployment);
    if (firing.source === null || deployment === null) return null;
    const before = firing.source.outputs;
    const after = await this.outputs(deployment);
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
    return Object.fromEntries(
      changed.map((name) => [name, { before: before[name] ?? null, after: after[name] ?? null }]),
    );
  }

  /** The bundle's outputs, or where it names none all that units published; never a secret. */
  private async outputs(deployment: Deployment): Promise<JsonObject> {
    const { published } = await this.deployments.standing(deployment);
    const open = published.filter(({ secret }) => !secret);
    const values = new Map(open.map(({ unit, step, name, value }) => [`${unit}:${step}.${name}`, value]));
    const named = Object.entries(this.deployments.compiled(deployment).compiled.outputs);
    if (named.length === 0) return Object.fromEntries(values);
    const found = named.flatMap(([name, { step, name: key }]): [string, JsonValue][] => {
      const value = values.get(`${step}.${key}`);
      return value === undefined ? [] : [[name, value]];
    });
    return Object.fromEntries(found);
  }
}

function actorOf(schedule: Schedule): string {
  return `schedule:${schedule.name}`;
}
