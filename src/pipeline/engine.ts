import { randomUUID } from 'node:crypto';
import { Dispatcher } from './dispatcher.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { Outside, Randomness } from './outside.js';
import { RunsService } from './runs.service.js';
import { checkTransitions, RUN_TRANSITIONS, STEP_TRANSITIONS } from './status.js';
import type { SubjectRegistry } from './subject-registry.js';
import { Sweeper } from './sweeper.js';
import { StepWorker } from './worker.js';

export const systemRandomness: Randomness = { fraction: () => Math.random(), uuid: () => randomUUID() };

/** The parts of the engine, put together. What is started is the caller's choice: worker, sweeper, both or neither. */
export class Engine {
  readonly runs: RunsService;
  readonly worker: StepWorker;
  readonly sweeper: Sweeper;

  constructor(
    outside: Outside,
    handlers: HandlerRegistry,
    subjects: SubjectRegistry,
    workerName = `worker-${process.pid}`,
  ) {
    checkTransitions('run', RUN_TRANSITIONS, 'queued');
    checkTransitions('step', STEP_TRANSITIONS, 'waiting');
    const dispatcher = new Dispatcher(outside, { handlers, subjects });
    this.runs = new RunsService(outside, { handlers, subjects }, dispatcher);
    this.worker = new StepWorker(outside, handlers, dispatcher, subjects, workerName);
    this.sweeper = new Sweeper(outside, dispatcher);
  }
}
