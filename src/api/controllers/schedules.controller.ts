import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import {
  SchedulesService,
  type ScheduleFiring as StoredFiring,
  type Schedule as Stored,
} from '../../deployments/index.js';
import {
  schedulesRoutes,
  type BodyOf,
  type QueryOf,
  type ResponseOf,
  type Schedule,
  type ScheduleFiring,
} from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { isoOf } from '../views/run-view.js';

/** What is done to deployments by itself, and when. */
@Controller()
export class SchedulesController {
  constructor(@Inject(SchedulesService) private readonly schedules: SchedulesService) {}

  @Endpoint(schedulesRoutes.list)
  async list(): Promise<ResponseOf<typeof schedulesRoutes.list>> {
    return { items: (await this.schedules.list()).map((schedule) => this.view(schedule)) };
  }

  @Endpoint(schedulesRoutes.show)
  async show(@Param('schedule') name: string): Promise<Schedule> {
    return this.view(await this.schedules.get(name));
  }

  @Endpoint(schedulesRoutes.history)
  async history(
    @Param('schedule') name: string,
    @GivenQuery() { limit }: QueryOf<typeof schedulesRoutes.history>,
  ): Promise<ResponseOf<typeof schedulesRoutes.history>> {
    const firings = await this.schedules.history(await this.schedules.get(name), limit);
    return { items: firings.map(firingView) };
  }

  @Endpoint(schedulesRoutes.add)
  async add(
    @GivenBody() body: BodyOf<typeof schedulesRoutes.add>,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Schedule> {
    note.subject = `schedules/${body.name}`;
    return this.view(await note.change((manager) => this.schedules.add(manager, body, actor)));
  }

  @Endpoint(schedulesRoutes.remove)
  async remove(@Param('schedule') name: string, @AuditNote() note: AuditNote): Promise<{ name: string }> {
    await note.change((manager) => this.schedules.remove(manager, name));
    return { name };
  }

  @Endpoint(schedulesRoutes.pause)
  async pause(
    @Param('schedule') name: string,
    @Who() { name: actor }: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Schedule> {
    return this.view(await note.change((manager) => this.schedules.pause(manager, name, `paused by ${actor}`)));
  }

  @Endpoint(schedulesRoutes.resume)
  async resume(@Param('schedule') name: string, @AuditNote() note: AuditNote): Promise<Schedule> {
    return this.view(await note.change((manager) => this.schedules.resume(manager, name)));
  }

  @Endpoint(schedulesRoutes.run)
  async run(@Param('schedule') name: string, @AuditNote() note: AuditNote): Promise<ScheduleFiring> {
    return firingView(await note.change((manager) => this.schedules.fireNow(manager, name)));
  }

  private view(schedule: Stored): Schedule {
    const { nextAt: _, pausedAt, createdAt, ...same } = schedule;
    const next = pausedAt === null ? this.schedules.nextFive(schedule).map((time) => time.toISOString()) : [];
    return { ...same, next, pausedAt: isoOf(pausedAt), createdAt: createdAt.toISOString() };
  }
}

function firingView({
  id,
  dueAt,
  status,
  reason,
  runId,
  outputs,
  startedAt,
  finishedAt,
}: StoredFiring): ScheduleFiring {
  return {
    ...{ id, status, reason, runId, outputs },
    dueAt: dueAt.toISOString(),
    startedAt: isoOf(startedAt),
    finishedAt: isoOf(finishedAt),
  };
}
