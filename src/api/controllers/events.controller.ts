import { Controller, Inject, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { RunsService } from '../../pipeline/index.js';
import { ApiServer } from '../api-server.js';
import { eventsRoutes, type QueryOf } from '../contract/index.js';
import { Endpoint, GivenQuery } from '../endpoint.js';
import { lastEventId, streamEvents } from '../event-stream.js';
import { RunStreams } from '../run-streams.js';

@Controller()
export class EventsController {
  constructor(
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(RunStreams) private readonly streams: RunStreams,
    @Inject(ApiServer) private readonly server: ApiServer,
  ) {}

  @Endpoint(eventsRoutes.stream)
  async stream(
    @GivenQuery() query: QueryOf<typeof eventsRoutes.stream>,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const after = lastEventId(request) ?? query.after ?? (await this.runs.lastEventNumber());
    const stop = this.server.stopSignal;
    await streamEvents({ request, response, stop }, (signal) => this.streams.events(after, signal));
  }
}
