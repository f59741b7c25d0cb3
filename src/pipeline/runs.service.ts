import type { EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonValue, Plan } from '../plan/index.js';
import { sqlOf } from './database.js';
import type { Dispatcher } from './dispatcher.js';
import { estimatePlan, type PlanEstimate } from './estimate-plan.js';
import {
  appendEvents,
  followEvents,
  lastEventNumber,
  readEvents,
  type EventFilter,
  type EventView,
  type NewEvent,
} from './event-log.js';
import type { Outside } from './outside.js';
import { RunControl } from './run-control.js';
import type { RunEntity } from './run.entity.js';
import {
  findRun,
  getStepId,
  listAttempts,
  listRuns,
  usualSeconds,
  type AttemptView,
  type RunFilter,
  type RunSummary,
  type RunView,
} from './run-views.js';
import { readLog, type LogPiece } from './step-log.js';
import { readOutputs, readOutputsOfSteps } from './step-outputs.js';
import { momentOf, storeRun, type NewRun, type SubmitDependencies } from './submit-run.js';

const LOG_POLL_MS = 300;

/** The transaction that a change of a run is part of; without it, one of its own. */
interface Steering {
  manager?: EntityManager;
}

/** The pipeline as other rooms see it: submit a plan, watch it, steer it. */
export class RunsService {
  private readonly control: RunControl;

  constructor(
    private readonly outside: Outside,
    private readonly needs: Pick<SubmitDependencies, 'handlers' | 'subjects'>,
    private readonly dispatcher: Dispatcher,
  ) {
    this.control = new RunControl({ ...outside, subjects: needs.subjects });
  }

  /**
   * Stores a run with its steps: in the manager's transaction, so that it stands or falls with what the caller writes
   * there, or in one of its own. Throws `invalid` for a bad plan (all its problems), `conflict` naming the run that
   * stands in the way, or that the plan is stale.
   */
  async submit(manager: EntityManager | null, request: NewRun): Promise<RunEntity> {
    const { clock, database, random, secrets } = this.outside;
    const needs = { ...this.needs, random, secrets };
    const store = (sql: ReturnType<typeof sqlOf>) => storeRun(sql, needs, clock.now(), request);
    // Within the caller's transaction nothing can start yet; the sweeper finds the run within a second of its commit.
    if (manager !== null) return store(sqlOf(manager));
    const run = await database.transaction(store);
    await this.nudge(run.id);
    return run;
  }

  /**
   * For `NewRun.since`: what a plan reads of its subject after this is as it stands when the run is submitted, or the run is
   * refused.
   */
  moment(manager: EntityManager, subject: { kind: string; id: string }): Promise<string> {
    return momentOf(sqlOf(manager), subject);
  }

  /** Starts what a committed run can start, without waiting for the sweeper. Never throws. */
  async nudge(runId: string): Promise<void> {
    await this.dispatcher.dispatch(runId).catch(() => undefined);
  }

  /** How long a plan would take, from how long such steps took here. */
  async estimate(plan: Plan): Promise<PlanEstimate> {
    const { clock, database, settings } = this.outside;
    const usual = await usualSeconds(database, [...new Set(plan.steps.map((step) => step.kind))]);
    return estimatePlan(plan, usual, clock.now(), settings.stepsPerRun);
  }

  list(filter: RunFilter = {}): Promise<RunSummary[]> {
    return listRuns(this.outside.database, filter);
  }

  find(runId: string): Promise<RunView | null> {
    return findRun(this.outside.database, this.outside.clock, this.outside.settings.stepsPerRun, runId);
  }

  /** As the manager's transaction sees it, where it is given one. */
  async get(runId: string, manager?: EntityManager): Promise<RunView> {
    const { clock, database, settings } = this.outside;
    const sql = manager === undefined ? database : sqlOf(manager);
    const run = await findRun(sql, clock, settings.stepsPerRun, runId);
    if (run === null) throw new MusterError('not-found', `cannot find run ${runId}`);
    return run;
  }

  async attempts(runId: string, stepKey: string): Promise<AttemptView[]> {
    return listAttempts(this.outside.database, await getStepId(this.outside.database, runId, stepKey));
  }

  /** What the steps published; secret values only with `openSecrets`. */
  outputs(
    runId: string,
    options: { openSecrets?: boolean } = {},
  ): Promise<{ step: string; name: string; secret: boolean; value: JsonValue }[]> {
    return readOutputs(this.outside.database, runId, options.openSecrets === true ? this.outside.secrets : null);
  }

  /** What these steps published, of whatever run; secret values are opened, and must not leave memory. */
  outputsOfSteps(
    manager: EntityManager,
    stepIds: readonly string[],
  ): Promise<{ stepId: string; name: string; secret: boolean; value: JsonValue }[]> {
    return readOutputsOfSteps(sqlOf(manager), stepIds, this.outside.secrets);
  }

  async log(runId: string, stepKey: string, offset = 0): Promise<LogPiece[]> {
    return readLog(this.outside.database, await getStepId(this.outside.database, runId, stepKey), offset);
  }

  /** A step's log from a byte offset on; with `follow`, until the run is over or the signal aborts. */
  async *followLog(
    runId: string,
    stepKey: string,
    options: { offset?: number; follow?: boolean; signal: AbortSignal },
  ): AsyncGenerator<LogPiece> {
    const { clock, database } = this.outside;
    const stepId = await getStepId(database, runId, stepKey);
    let offset = options.offset ?? 0;
    while (!options.signal.aborted) {
      const over = options.follow !== true || (await this.isOver(runId));
      const pieces = await readLog(database, stepId, offset);
      for (const piece of pieces) {
        yield piece;
        offset = piece.offset + Buffer.byteLength(piece.text);
      }
      if (pieces.length > 0) continue;
      if (over) return;
      await clock.sleep(LOG_POLL_MS, options.signal).catch(() => undefined);
    }
  }

  /** Writes an event in the caller's transaction. */
  async tell(manager: EntityManager | null, event: NewEvent): Promise<void> {
    const sql = manager === null ? this.outside.database : sqlOf(manager);
    await appendEvents(sql, this.outside.clock.now(), [event]);
  }

  /** Events above `after`, as they come, until the signal aborts; a reader that resumes with the last number misses none. */
  followEvents(after: number, filter: EventFilter, signal: AbortSignal): AsyncGenerator<EventView> {
    return followEvents(this.outside, after, filter, signal);
  }

  events(after: number, filter: EventFilter = {}, limit?: number): Promise<EventView[]> {
    return readEvents(this.outside.database, after, filter, limit);
  }

  lastEventNumber(): Promise<number> {
    return lastEventNumber(this.outside.database);
  }

  /** Starts failed steps again (all, or those named) and goes on. This and the next: see {@link steered}. */
  async retry(runId: string, { steps, manager }: { steps?: readonly string[] } & Steering = {}): Promise<void> {
    await this.control.retry(runId, steps ?? null, manager);
    await this.steered(runId, manager);
  }

  async skip(runId: string, stepKey: string, why: string, { manager }: Steering = {}): Promise<void> {
    if (why.trim() === '') throw new MusterError('invalid', `cannot skip ${stepKey}: say why`);
    await this.control.skip(runId, stepKey, why, manager);
    await this.steered(runId, manager);
  }

  async pause(runId: string, { manager }: Steering = {}): Promise<void> {
    await this.control.pause(runId, manager);
  }

  async resume(runId: string, { manager }: Steering = {}): Promise<void> {
    await this.control.resume(runId, manager);
    await this.steered(runId, manager);
  }

  /** Asks for the run's end; it is over when nothing is in flight any more. */
  async cancel(runId: string, reason: string, { manager }: Steering = {}): Promise<void> {
    await this.control.cancel(runId, reason, manager);
    await this.steered(runId, manager);
  }

  /** Within the caller's transaction nothing can go on yet: the caller nudges when it is committed, or the sweeper does. */
  private async steered(runId: string, manager: EntityManager | undefined): Promise<void> {
    if (manager === undefined) await this.nudge(runId);
  }

  /** Resolves when the run is over (succeeded, failed, cancelled) or waits for an operator. */
  async untilOver(runId: string, signal: AbortSignal): Promise<RunView> {
    for (;;) {
      signal.throwIfAborted();
      if (await this.isOver(runId)) return this.get(runId);
      await this.outside.clock.sleep(LOG_POLL_MS, signal);
    }
  }

  private async isOver(runId: string): Promise<boolean> {
    const [row] = await this.outside.database.query<{ over: boolean }>(
      `select status not in ('queued', 'running') as over from run where id = $1`,
      [runId],
    );
    if (row === undefined) throw new MusterError('not-found', `cannot find run ${runId}`);
    return row.over;
  }
}
