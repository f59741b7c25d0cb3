import { MusterError } from '../error.js';
import type { JsonObject } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import type { Sql } from './database.js';
import { estimate } from './estimate.js';
import { AttemptEntity } from './attempt.entity.js';
import { RunEntity } from './run.entity.js';
import { StepEntity } from './step.entity.js';
import { OPEN_RUN, type RunStatus, type StepStatus } from './status.js';

export interface RunSummary {
  id: string;
  subject: { kind: string; id: string };
  action: string;
  title: string;
  actor: string;
  status: RunStatus;
  /** Cancelling was asked for and is not done yet. */
  cancelling: boolean;
  reason: string | null;
  mutating: boolean;
  context: JsonObject;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  steps: { total: number; done: number; failed: number; running: number };
}

export interface StepView {
  id: string;
  key: string;
  kind: string;
  title: string;
  lane: string | null;
  status: StepStatus;
  /** Keys of its predecessors. */
  after: string[];
  destructive: boolean;
  attempt: number;
  executionId: string | null;
  percent: number;
  message: string | null;
  failure: string | null;
  reason: string | null;
  hint: string | null;
  note: string | null;
  timeoutSeconds: number;
  stallSeconds: number;
  /** When the next attempt or look is due, where it waits for that. */
  notBefore: Date | null;
  startedAt: Date | null;
  lastSignAt: Date | null;
  finishedAt: Date | null;
  logBytes: number;
}

export interface AttemptView {
  number: number;
  executionId: string;
  worker: string;
  startedAt: Date;
  finishedAt: Date | null;
  outcome: 'succeeded' | 'failed' | 'cancelled' | null;
  failure: string | null;
  reason: string | null;
  exitCode: number | null;
  /** Where its part of the step's log begins, in bytes. */
  logStart: number;
}

export interface RunView extends Omit<RunSummary, 'steps'> {
  percent: number;
  secondsLeft: number | null;
  counts: RunSummary['steps'];
  steps: StepView[];
}

export interface RunFilter {
  subject?: { kind: string; id: string };
  /** Only runs that are not over. */
  open?: boolean;
  limit?: number;
  /** Only runs created before this, to page. */
  before?: Date;
}

type CountRow = RunSummary['steps'] & { id: string };

export async function listRuns(sql: Sql, filter: RunFilter): Promise<RunSummary[]> {
  const query = sql.manager.createQueryBuilder(RunEntity, 'run').orderBy('run.createdAt', 'DESC');
  if (filter.subject !== undefined) {
    query.andWhere('run.subjectKind = :kind and run.subjectId = :id', filter.subject);
  }
  if (filter.open === true) query.andWhere('run.status in (:...open)', { open: OPEN_RUN });
  if (filter.before !== undefined) query.andWhere('run.createdAt < :before', { before: filter.before });
  const runs = await query.limit(Math.min(filter.limit ?? 50, 1000)).getMany();
  const counts = await sql.query<CountRow>(
    `select run_id as id, count(*)::integer as total,
       count(*) filter (where status in ('succeeded', 'skipped'))::integer as done,
       count(*) filter (where status in ('failed', 'needs-operator'))::integer as failed,
       count(*) filter (where status = 'running')::integer as running
     from step where run_id = any($1) group by run_id`,
    [runs.map((run) => run.id)],
  );
  const byRun = new Map(counts.map(({ id, ...rest }) => [id, rest]));
  return runs.map((run) => summaryOf(run, byRun.get(run.id) ?? { total: 0, done: 0, failed: 0, running: 0 }));
}

function summaryOf(run: RunEntity, steps: RunSummary['steps']): RunSummary {
  const { id, action, title, actor, status, cancelling, reason, mutating, context } = run;
  const { createdAt, startedAt, finishedAt } = run;
  const subject = { kind: run.subjectKind, id: run.subjectId };
  return {
    ...{ id, subject, action, title, actor, status, cancelling, reason, mutating, context },
    ...{ createdAt, startedAt, finishedAt, steps },
  };
}

/** A run with all its steps, or null. */
export async function findRun(sql: Sql, clock: Clock, stepsAtOnce: number, runId: string): Promise<RunView | null> {
  const run = await sql.manager.findOneBy(RunEntity, { id: runId });
  if (run === null) return null;
  const steps = await sql.manager.find(StepEntity, { where: { runId }, order: { position: 'ASC' } });
  const edges = await sql.query<{ before: string; after: string }>(
    `select before_id as before, after_id as after from step_edge join step on step.id = after_id where run_id = $1`,
    [runId],
  );
  const usual = await usualSeconds(sql, [...new Set(steps.map((step) => step.kind))]);
  const { percent, secondsLeft } = estimate(steps, edges, usual, clock.now(), run.stepsAtOnce ?? stepsAtOnce);
  const over = run.finishedAt !== null;
  const counts = {
    total: steps.length,
    done: steps.filter((step) => step.status === 'succeeded' || step.status === 'skipped').length,
    failed: steps.filter((step) => step.status === 'failed' || step.status === 'needs-operator').length,
    running: steps.filter((step) => step.status === 'running').length,
  };
  const { steps: _, ...summary } = summaryOf(run, counts);
  return { ...summary, percent, secondsLeft: over ? null : secondsLeft, counts, steps: viewsOf(steps, edges) };
}

function viewsOf(steps: readonly StepEntity[], edges: readonly { before: string; after: string }[]): StepView[] {
  const keys = new Map(steps.map((step) => [step.id, step.key]));
  const before = new Map<string, string[]>();
  for (const edge of edges) {
    const list = before.get(edge.after) ?? [];
    list.push(keys.get(edge.before) ?? '');
    before.set(edge.after, list);
  }
  return steps.map((step) => {
    const { id, key, kind, title, lane, status, destructive, attempt, executionId, percent, message } = step;
    const { failure, reason, hint, note, timeoutSeconds, stallSeconds, notBefore } = step;
    const { startedAt, lastSignAt, finishedAt } = step;
    return {
      ...{ id, key, kind, title, lane, status, destructive, attempt, executionId, percent, message },
      ...{ failure, reason, hint, note, timeoutSeconds, stallSeconds, notBefore, startedAt, lastSignAt, finishedAt },
      after: (before.get(id) ?? []).sort(),
      logBytes: Number(step.logBytes),
    };
  });
}

/** How long the last steps of each kind took here, the middle of them. */
export async function usualSeconds(sql: Sql, kinds: readonly string[]): Promise<Map<string, number>> {
  const rows = await sql.query<{ kind: string; seconds: number }>(
    `select kinds.kind, percentile_cont(0.5) within group (order by took) as seconds
     from unnest($1::text[]) as kinds (kind), lateral (
       select extract(epoch from finished_at - started_at) as took from step
       where step.kind = kinds.kind and status = 'succeeded' order by finished_at desc limit 50) as recent
     group by kinds.kind`,
    [kinds],
  );
  return new Map(rows.map((row) => [row.kind, row.seconds]));
}

export async function listAttempts(sql: Sql, stepId: string): Promise<AttemptView[]> {
  const attempts = await sql.manager.find(AttemptEntity, { where: { stepId }, order: { number: 'ASC' } });
  return attempts.map((attempt) => {
    const { number, executionId, worker, startedAt, finishedAt, outcome, failure, reason, exitCode } = attempt;
    return {
      ...{ number, executionId, worker, startedAt, finishedAt, outcome, failure, reason, exitCode },
      logStart: Number(attempt.logStart),
    };
  });
}

/** The id of a run's step by its key; throws where there is none. */
export async function getStepId(sql: Sql, runId: string, key: string): Promise<string> {
  const [row] = await sql.query<{ id: string }>('select id from step where run_id = $1 and key = $2', [runId, key]);
  if (row === undefined) throw new MusterError('not-found', `cannot find step ${key} of run ${runId}`);
  return row.id;
}
