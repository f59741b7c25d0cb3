import { Inject, Injectable } from '@nestjs/common';
import { RunsService } from '../pipeline/index.js';
import type { Clock } from '../platform/clock.js';
import { CLOCK } from '../platform/index.js';
import type { LogChunk } from './contract/index.js';
import type { StreamItem } from './event-stream.js';
import { eventView, RUN_OVER } from './views/run-view.js';

const LOOK_EVERY_MS = 500;

/** Events and logs as endless lists that end with their run. */
@Injectable()
export class RunStreams {
  constructor(
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async *events(after: number, signal: AbortSignal): AsyncGenerator<StreamItem> {
    for await (const event of this.runs.followEvents(after, {}, signal)) {
      yield { id: event.number, data: eventView(event) };
    }
  }

  /** Ends when the run is over and all its events were given. */
  async *eventsOfRun(runId: string, after: number, signal: AbortSignal): AsyncGenerator<StreamItem> {
    let last = after;
    // What is there is given first: the run may be over, and nothing would come to say so.
    for (;;) {
      const over = RUN_OVER.includes((await this.runs.get(runId)).status);
      const events = await this.runs.events(last, { runId });
      for (const event of events) yield { id: event.number, data: eventView(event) };
      last = events.at(-1)?.number ?? last;
      if (events.length > 0) continue;
      if (over && (await this.isQuiet(runId, last, signal))) return;
      if (!over) break;
    }
    for await (const event of this.runs.followEvents(last, { runId }, signal)) {
      yield { id: event.number, data: eventView(event) };
      // A run that ended may have been started again since.
      if (event.kind.startsWith('run.') && RUN_OVER.includes((await this.runs.get(runId)).status)) return;
    }
  }

  /** Events get their numbers a moment after they happen: those of a run's end may still be coming. */
  private async isQuiet(runId: string, after: number, signal: AbortSignal): Promise<boolean> {
    await this.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    return signal.aborted || (await this.runs.events(after, { runId }, 1)).length === 0;
  }

  /** The log of all steps as it comes, or of one; ends when there is no more, with `follow` when the run is over. */
  async *log(
    runId: string,
    query: { step?: string; offset: number; follow: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<StreamItem> {
    const read = new Map<string, number>();
    if (query.step !== undefined) read.set(query.step, query.offset);
    while (!signal.aborted) {
      const run = await this.runs.get(runId);
      const over = !query.follow || RUN_OVER.includes(run.status);
      let found = false;
      for (const step of run.steps) {
        if (query.step !== undefined && step.key !== query.step) continue;
        for (const piece of await this.newPieces(runId, step, read)) {
          found = true;
          const chunk: LogChunk = { stepKey: step.key, offset: piece.offset, text: piece.text };
          yield { id: null, data: chunk };
        }
      }
      if (found) continue;
      if (over) return;
      await this.clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  }

  private async newPieces(runId: string, step: { key: string; logBytes: number }, read: Map<string, number>) {
    const from = read.get(step.key) ?? 0;
    if (step.logBytes <= from) return [];
    const pieces = await this.runs.log(runId, step.key, from);
    const last = pieces.at(-1);
    if (last !== undefined) read.set(step.key, last.offset + Buffer.byteLength(last.text));
    return pieces;
  }
}
