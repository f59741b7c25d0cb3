import { Controller, Inject, Param, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { EntityManager } from 'typeorm';
import { expectedNames } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import { RunsService, type RunSummary } from '../../pipeline/index.js';
import type { Principal } from '../../access/index.js';
import { ApiServer } from '../api-server.js';
import { runsRoutes, type BodyOf, type QueryOf, type ResponseOf, type Run } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { lastEventId, streamEvents } from '../event-stream.js';
import { RunStreams } from '../run-streams.js';
import { SubjectNames } from '../subject-names.js';
import { attemptView, runDetailView, runSummaryView, runView } from '../views/run-view.js';

const PAGE = 200;

@Controller()
export class RunsController {
  constructor(
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(SubjectNames) private readonly names: SubjectNames,
    @Inject(RunStreams) private readonly streams: RunStreams,
    @Inject(ApiServer) private readonly server: ApiServer,
  ) {}

  @Endpoint(runsRoutes.list)
  async list(@GivenQuery() query: QueryOf<typeof runsRoutes.list>): Promise<ResponseOf<typeof runsRoutes.list>> {
    const subject = query.subject === undefined ? undefined : await this.names.find(query.subject);
    if (subject === null) {
      throw new MusterError('not-found', `cannot find a machine or deployment ${query.subject ?? ''}`);
    }
    const items: RunSummary[] = [];
    let before = cursorTime(query.cursor);
    for (;;) {
      const page = await this.runs.list({ subject, before, limit: PAGE });
      const fitting = page.filter((run) => query.status === undefined || run.status === query.status);
      items.push(...fitting.slice(0, query.limit - items.length));
      before = page.at(-1)?.createdAt;
      if (items.length === query.limit || page.length < PAGE) break;
    }
    const names = await this.names.namesOf(items.map((run) => run.subject));
    const last = items.length < query.limit ? undefined : items.at(-1);
    return {
      items: items.map((run) => runSummaryView(run, names.get(run.subject.id) ?? null)),
      next: last?.createdAt.toISOString() ?? null,
    };
  }

  @Endpoint(runsRoutes.show)
  async show(@Param('run') id: string): Promise<ResponseOf<typeof runsRoutes.show>> {
    const run = await this.runs.get(checkedId(id));
    return runDetailView(run, await this.names.nameOf(run.subject));
  }

  @Endpoint(runsRoutes.attempts)
  async attempts(
    @Param('run') id: string,
    @Param('step') step: string,
  ): Promise<ResponseOf<typeof runsRoutes.attempts>> {
    return { items: (await this.runs.attempts(checkedId(id), keyOf(step))).map(attemptView) };
  }

  @Endpoint(runsRoutes.outputs)
  async outputs(@Param('run') id: string): Promise<ResponseOf<typeof runsRoutes.outputs>> {
    const { id: run } = await this.runs.get(checkedId(id));
    return { items: await this.runs.outputs(run) };
  }

  @Endpoint(runsRoutes.openOutput)
  async openOutput(
    @Param('run') id: string,
    @Param('step') step: string,
    @Param('output') name: string,
  ): Promise<ResponseOf<typeof runsRoutes.openOutput>> {
    const outputs = await this.runs.outputs(checkedId(id), { openSecrets: true });
    const found = outputs.find((each) => each.step === keyOf(step) && each.name === name);
    if (found !== undefined) return found;
    throw new MusterError('not-found', `cannot find a value ${name} of step ${keyOf(step)}`);
  }

  @Endpoint(runsRoutes.log)
  async log(
    @Param('run') id: string,
    @GivenQuery() query: QueryOf<typeof runsRoutes.log>,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const { title, steps } = await this.runs.get(checkedId(id));
    const keys = steps.map(({ key }) => key);
    if (query.step !== undefined && !keys.includes(query.step))
      throw new MusterError('not-found', `cannot find a step "${query.step}" in "${title}"`, {
        hint: expectedNames(query.step, keys, 'steps'),
      });
    const stop = this.server.stopSignal;
    await streamEvents({ request, response, stop }, (signal) => this.streams.log(id, query, signal));
  }

  @Endpoint(runsRoutes.events)
  async events(@Param('run') id: string, @Req() request: Request, @Res() response: Response): Promise<void> {
    await this.runs.get(checkedId(id));
    const after = lastEventId(request) ?? 0;
    const stop = this.server.stopSignal;
    await streamEvents({ request, response, stop }, (signal) => this.streams.eventsOfRun(id, after, signal));
  }

  @Endpoint(runsRoutes.pause)
  pause(@Param('run') id: string, @AuditNote() note: AuditNote): Promise<Run> {
    return this.change(id, note, (manager) => this.runs.pause(id, { manager }));
  }

  @Endpoint(runsRoutes.resume)
  resume(@Param('run') id: string, @AuditNote() note: AuditNote): Promise<Run> {
    return this.change(id, note, (manager) => this.runs.resume(id, { manager }));
  }

  @Endpoint(runsRoutes.retry)
  retry(
    @Param('run') id: string,
    @GivenBody() body: BodyOf<typeof runsRoutes.retry>,
    @AuditNote() note: AuditNote,
  ): Promise<Run> {
    return this.change(id, note, (manager) => this.runs.retry(id, { steps: body.steps, manager }));
  }

  @Endpoint(runsRoutes.cancel)
  cancel(@Param('run') id: string, @Who() who: Principal, @AuditNote() note: AuditNote): Promise<Run> {
    return this.change(id, note, (manager) => this.runs.cancel(id, `cancelled by ${who.name}`, { manager }));
  }

  @Endpoint(runsRoutes.skip)
  skip(
    @Param('run') id: string,
    @Param('step') step: string,
    @GivenBody() body: BodyOf<typeof runsRoutes.skip>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Run> {
    const why = `${body.why} (${who.name})`;
    return this.change(id, note, (manager) => this.runs.skip(id, keyOf(step), why, { manager }));
  }

  private async change(id: string, note: AuditNote, work: (manager: EntityManager) => Promise<void>): Promise<Run> {
    const before = await this.runs.get(checkedId(id));
    note.before = { status: before.status };
    await note.change(async (manager) => {
      await work(manager);
      note.after = { status: (await this.runs.get(id, manager)).status };
    });
    await this.runs.nudge(id);
    const run = await this.runs.get(id);
    return runView(run, await this.names.nameOf(run.subject));
  }
}

/** Keys of steps hold slashes, which a path cannot: they come as `~`. */
function keyOf(inPath: string): string {
  return inPath.replaceAll('~', '/');
}

function checkedId(id: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return id;
  throw new MusterError('not-found', `cannot find run ${id}`, { hint: 'a run is known by its id: GET /v1/runs' });
}

function cursorTime(cursor: string | undefined): Date | undefined {
  if (cursor === undefined) return undefined;
  const time = new Date(cursor);
  if (!Number.isNaN(time.getTime())) return time;
  throw new MusterError('invalid', `cannot go on from "${cursor}": it is not a cursor`);
}
