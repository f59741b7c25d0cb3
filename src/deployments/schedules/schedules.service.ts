import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { cronProblem, nextTimes, type BundleSchedule } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import { CLOCK } from '../../platform/index.js';
import { ScheduleFiring } from './schedule-firing.entity.js';
import { Schedule } from './schedule.entity.js';

export interface NewSchedule extends BundleSchedule {
  name: string;
  /** Name of the deployment. */
  deployment: string;
}

/** Schedules as they are kept; what makes them fire is the runner. */
@Injectable()
export class SchedulesService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  list(): Promise<Schedule[]> {
    return this.dataSource.getRepository(Schedule).find({ order: { name: 'asc' } });
  }

  async get(name: string, manager: EntityManager = this.dataSource.manager): Promise<Schedule> {
    const found = await manager.findOneBy(Schedule, { name });
    if (found !== null) return found;
    throw new MusterError('not-found', `cannot find a schedule named ${name}`, {
      hint: '`muster schedules` lists them',
    });
  }

  /** Newest first. */
  history(schedule: Schedule, limit: number): Promise<ScheduleFiring[]> {
    return this.dataSource
      .getRepository(ScheduleFiring)
      .find({ where: { scheduleId: schedule.id }, order: { dueAt: 'desc' }, take: limit });
  }

  nextFive(schedule: Schedule): Date[] {
    return [schedule.nextAt, ...nextTimes(schedule.cron, schedule.timeZone, schedule.nextAt, 4)];
  }

  async add(manager: EntityManager, wanted: NewSchedule, actor: string): Promise<Schedule> {
    const problem = cronProblem(wanted.cron, wanted.timeZone);
    if (problem !== null)
      throw new MusterError('invalid', `cannot add a schedule: ${problem}`, {
        hint: 'expected such as --cron "0 3 * * 0" --tz Europe/London',
      });
    if (wanted.canary === wanted.deployment)
      throw new MusterError('invalid', `cannot add a schedule: ${wanted.deployment} cannot be its own canary`);
    if (await manager.existsBy(Schedule, { name: wanted.name }))
      throw new MusterError('conflict', `cannot add a schedule named ${wanted.name}: there is one`);
    return manager.save(Schedule, this.made(wanted, actor, false));
  }

  private made(wanted: NewSchedule, actor: string, fromBundle: boolean): Schedule {
    const now = this.clock.now();
    return Object.assign(new Schedule(), wanted, {
      ...{ failures: 0, fromBundle, pausedAt: null, pausedReason: null, createdBy: actor, createdAt: now },
      nextAt: firstAfter(wanted, now),
    });
  }

  async remove(manager: EntityManager, name: string): Promise<Schedule> {
    const schedule = await this.get(name, manager);
    await manager.delete(Schedule, { id: schedule.id });
    return schedule;
  }

  async pause(manager: EntityManager, name: string, reason: string): Promise<Schedule> {
    const schedule = await this.get(name, manager);
    return manager.save(Schedule, Object.assign(schedule, { pausedAt: this.clock.now(), pausedReason: reason }));
  }

  /** Goes on from now: what went by while it was paused is not caught up on. */
  async resume(manager: EntityManager, name: string): Promise<Schedule> {
    const schedule = await this.get(name, manager);
    const nextAt = firstAfter(schedule, this.clock.now());
    return manager.save(Schedule, Object.assign(schedule, { pausedAt: null, pausedReason: null, failures: 0, nextAt }));
  }

  /** Fires now, whether paused or not; when it is due next stays. */
  async fireNow(manager: EntityManager, name: string): Promise<ScheduleFiring> {
    const schedule = await this.get(name, manager);
    const now = this.clock.now();
    return manager.save(ScheduleFiring, firing(schedule, now, now));
  }

  /**
   * Takes over what a bundle says: its schedules are named after its deployment, and go when it says them no longer. The
   * bundle of a deployment may be its canary's too, which has no schedule of its own.
   */
  async adopt(
    manager: EntityManager,
    deployment: string,
    said: ReadonlyMap<string, BundleSchedule>,
    actor: string,
  ): Promise<void> {
    const present = await manager.findBy(Schedule, { deployment, fromBundle: true });
    const wanted = wantedOf(deployment, said);
    for (const schedule of present) if (!wanted.has(schedule.name)) await manager.delete(Schedule, { id: schedule.id });
    for (const [name, schedule] of wanted) {
      const known = await manager.findOneBy(Schedule, { name });
      if (known === null) await manager.save(Schedule, this.made({ ...schedule, name, deployment }, actor, true));
      else await manager.save(Schedule, this.changed(ownedBy(deployment, known), schedule));
    }
  }

  /** Throws (`conflict`) where `adopt` would. */
  async refuseTaken(
    manager: EntityManager,
    deployment: string,
    said: ReadonlyMap<string, BundleSchedule>,
  ): Promise<void> {
    for (const name of wantedOf(deployment, said).keys()) {
      const known = await manager.findOneBy(Schedule, { name });
      if (known !== null) ownedBy(deployment, known);
    }
  }

  private changed(known: Schedule, schedule: BundleSchedule): Schedule {
    const sameTimes = known.cron === schedule.cron && known.timeZone === schedule.timeZone;
    const nextAt = sameTimes ? known.nextAt : firstAfter(schedule, this.clock.now());
    return Object.assign(known, schedule, { fromBundle: true, nextAt });
  }
}

/** By their full names. */
function wantedOf(deployment: string, said: ReadonlyMap<string, BundleSchedule>): Map<string, BundleSchedule> {
  const own = [...said].filter(([, { canary }]) => canary !== deployment);
  return new Map(own.map(([name, schedule]) => [`${deployment}-${name}`, schedule]));
}

function ownedBy(deployment: string, known: Schedule): Schedule {
  if (known.deployment === deployment && known.fromBundle) return known;
  const { name } = known;
  throw new MusterError(
    'conflict',
    `cannot take schedules from the bundle of ${deployment}: ${name} is there already, for ${known.deployment}`,
    { hint: `\`muster schedules remove ${name}\`, or give the bundle's another name` },
  );
}

export function firing({ id, canary }: Schedule, dueAt: Date, now: Date): ScheduleFiring {
  return Object.assign(new ScheduleFiring(), {
    ...{
      scheduleId: id,
      onCanary: canary !== null,
      dueAt,
      status: 'waiting',
      phase: null,
      reason: null,
      runId: null,
      source: null,
      outputs: null,
    },
    ...{ claimedAt: now, startedAt: null, finishedAt: null },
  } satisfies Partial<ScheduleFiring>);
}

function firstAfter({ cron, timeZone }: Pick<Schedule, 'cron' | 'timeZone'>, after: Date): Date {
  const [next] = nextTimes(cron, timeZone, after, 1);
  if (next === undefined) throw new MusterError('invalid', `cannot tell when "${cron}" comes next: it never does`);
  return next;
}
