import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In, LessThan, type EntityManager } from 'typeorm';
import { messageOf } from '../../error.js';
import { RunEntity, RunsService } from '../../pipeline/index.js';
import type { Clock } from '../../platform/clock.js';
import { CLOCK } from '../../platform/index.js';
import { dueAt } from './due.js';
import { ScheduleFiring, type FiringStatus } from './schedule-firing.entity.js';
import { Schedule } from './schedule.entity.js';
import { ScheduledActions } from './scheduled-actions.js';
import { firing as newFiring } from './schedules.service.js';

const OPEN: FiringStatus[] = ['waiting', 'running'];

/**
 * Makes schedules fire, from Postgres alone: a time is claimed under the row's lock and written down as a firing, and
 * firings are taken on, each under its own lock, until their runs are over. Any number of runners may be at work.
 */
@Injectable()
export class ScheduleRunner {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(ScheduledActions) private readonly actions: ScheduledActions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** One look. Throws when Postgres cannot be reached. */
  async look(): Promise<void> {
    while (await this.dataSource.transaction((manager) => this.claimOne(manager)));
    const open = await this.dataSource
      .getRepository(ScheduleFiring)
      .find({ where: { status: In(OPEN) }, order: { claimedAt: 'asc' }, select: { id: true } });
    for (const { id } of open) await this.takeOn(id);
  }

  private async claimOne(manager: EntityManager): Promise<boolean> {
    const now = this.clock.now();
    const [row] = await manager.query<{ id: string }[]>(
      `select id from schedule where paused_at is null and next_at <= $1
       order by next_at limit 1 for update skip locked`,
      [now],
    );
    if (row === undefined) return false;
    const schedule = await manager.findOneByOrFail(Schedule, { id: row.id });
    const { at, isMissed, nextAt } = dueAt(schedule, now);
    const firing = newFiring(schedule, at, now);
    if (isMissed) end(firing, now, 'skipped', 'missed: nobody was there to see it');
    const { status, reason, onCanary, finishedAt } = firing;
    await manager.query(
      `insert into schedule_firing (schedule_id, due_at, status, reason, on_canary, claimed_at, finished_at)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
      [schedule.id, at, status, reason, onCanary, now, finishedAt],
    );
    await manager.update(Schedule, { id: schedule.id }, { nextAt });
    return true;
  }

  private async takeOn(id: string): Promise<void> {
    const begun = await this.dataSource.transaction(async (manager) => {
      const [row] = await manager.query<unknown[]>(
        `select 1 from schedule_firing where id = $1 and status = any($2) for update skip locked`,
        [id, OPEN],
      );
      if (row === undefined) return null;
      const firing = await manager.findOneByOrFail(ScheduleFiring, { id });
      const schedule = turnOf(await manager.findOneByOrFail(Schedule, { id: firing.scheduleId }), firing);
      const before = firing.runId;
      if (firing.status === 'waiting') await this.begin(manager, schedule, firing);
      else await this.watch(manager, schedule, firing);
      // The bundle that it has just laid may have taken its schedule away, and it with that.
      if (await manager.existsBy(ScheduleFiring, { id })) await manager.save(ScheduleFiring, firing);
      return firing.runId === before ? null : firing.runId;
    });
    if (begun !== null) await this.runs.nudge(begun);
  }

  private async begin(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<void> {
    const now = this.clock.now();
    const waited = now.getTime() - firing.claimedAt.getTime();
    const inTheWay = await this.inTheWay(manager, schedule, firing);
    if (inTheWay === null) {
      await this.attempt(manager, schedule, firing, (inner) => this.actions.begin(inner, schedule, firing));
      if (firing.status === 'waiting') Object.assign(firing, { status: 'running', startedAt: now });
    } else if (schedule.overlap === 'skip') end(firing, now, 'skipped', inTheWay);
    else if (waited > schedule.startWithinSeconds * 1000)
      end(firing, now, 'skipped', `its window went by: ${inTheWay}`);
    else firing.reason = inTheWay;
  }

  /** Why it cannot begin now; null: it can. With `replace`, what this schedule began before is cancelled. */
  private async inTheWay(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<string | null> {
    const [earlier] = await manager.find(ScheduleFiring, {
      where: { scheduleId: schedule.id, status: In(OPEN), claimedAt: LessThan(firing.claimedAt) },
      order: { claimedAt: 'asc' },
    });
    if (earlier !== undefined) {
      if (schedule.overlap === 'replace' && earlier.runId !== null) await this.cancel(earlier.runId, 'replaced');
      return `the time of ${earlier.dueAt.toISOString()} is still on`;
    }
    const deployment = await this.actions.find(manager, schedule.deployment);
    if (deployment === null) return null;
    const run = await manager.findOneBy(RunEntity, {
      ...{ subjectKind: 'deployment', subjectId: deployment.id, mutating: true, status: In(['running', 'paused']) },
    });
    return run === null ? null : `run ${run.id} (${run.title}) is at work on ${schedule.deployment}`;
  }

  /** In a part of the transaction of its own: where it fails, that can still be written. */
  private async attempt(
    manager: EntityManager,
    schedule: Schedule,
    firing: ScheduleFiring,
    begin: (manager: EntityManager) => Promise<string>,
  ): Promise<void> {
    try {
      firing.runId = await manager.transaction(begin);
      firing.reason = null;
    } catch (error) {
      await this.settle(manager, schedule, firing, 'failed', messageOf(error));
    }
  }

  private async watch(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<void> {
    const run = await manager.findOneBy(RunEntity, { id: firing.runId ?? '' });
    if (run === null) {
      await this.settle(manager, schedule, firing, 'failed', 'its run is gone');
    } else if (run.status === 'succeeded') {
      if (firing.phase === 'down')
        await this.attempt(manager, schedule, firing, (inner) => this.actions.goOn(inner, schedule, firing));
      else await this.succeed(manager, schedule, firing);
    } else if (run.status === 'failed' || run.status === 'cancelled') {
      await this.settle(manager, schedule, firing, 'failed', `run ${run.id} ${run.status}: ${run.reason ?? run.title}`);
    } else if (this.isTooLong(schedule, firing) && !run.cancelling) {
      await this.cancel(run.id, `it has taken longer than the ${schedule.longestSeconds} s of its window`);
    }
  }

  private isTooLong({ longestSeconds }: Schedule, { startedAt }: ScheduleFiring): boolean {
    if (longestSeconds === null || startedAt === null) return false;
    return this.clock.now().getTime() - startedAt.getTime() > longestSeconds * 1000;
  }

  private async succeed(manager: EntityManager, schedule: Schedule, firing: ScheduleFiring): Promise<void> {
    if (firing.onCanary) {
      const reason = `it went well on ${schedule.deployment}`;
      Object.assign(firing, { status: 'waiting', onCanary: false, phase: null, source: null, reason });
      return;
    }
    firing.outputs = await this.actions.difference(manager, schedule, firing);
    await this.settle(manager, schedule, firing, 'succeeded', null);
  }

  private async settle(
    manager: EntityManager,
    schedule: Schedule,
    firing: ScheduleFiring,
    status: 'succeeded' | 'failed',
    reason: string | null,
  ): Promise<void> {
    const now = this.clock.now();
    end(firing, now, status, firing.onCanary ? `on its canary, ${schedule.deployment}: ${reason}` : reason);
    const failures = status === 'failed' ? schedule.failures + 1 : 0;
    const stop = schedule.stopAfterFailures !== null && failures >= schedule.stopAfterFailures;
    const paused = stop ? { pausedAt: now, pausedReason: `it failed ${failures} times in a row: ${reason}` } : {};
    await manager.update(Schedule, { id: schedule.id }, { failures, ...paused });
    const what = `schedule ${schedule.name}: ${schedule.action} of ${schedule.deployment}`;
    await this.runs.tell(manager, {
      kind: stop ? 'schedule.stopped' : `schedule.${status}`,
      message: `${what} ${status}${reason === null ? '' : `: ${reason}`}`,
    });
  }

  /** Who was faster may have ended it: then there is nothing to cancel. */
  private async cancel(runId: string, reason: string): Promise<void> {
    await this.runs.cancel(runId, reason).catch(() => undefined);
  }
}

/** The schedule as it is for the deployment whose turn it is. */
function turnOf(schedule: Schedule, { onCanary }: ScheduleFiring): Schedule {
  if (!onCanary || schedule.canary === null) return schedule;
  return Object.assign(new Schedule(), schedule, { deployment: schedule.canary });
}

function end(firing: ScheduleFiring, now: Date, status: FiringStatus, reason: string | null): void {
  Object.assign(firing, { status, reason, finishedAt: now });
}
