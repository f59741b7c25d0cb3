import type { EntityManager } from 'typeorm';
import { messageOf } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { Sql } from './database.js';
import { appendEvents } from './event-log.js';
import { RunEntity } from './run.entity.js';
import type { RunStatus } from './status.js';
import type { SubjectRegistry } from './subject-registry.js';

export interface StepCounts {
  inFlight: number;
  ready: number;
  waiting: number;
  failed: number;
  needsOperator: number;
  cancelled: number;
}

/** What a run with these steps is now; null: it goes on. `stuck` means that the counts of predecessors are wrong. */
export function runStatusFor(counts: StepCounts, cancelling: boolean): RunStatus | 'stuck' | null {
  if (counts.inFlight > 0) return null;
  if (cancelling) return 'cancelled';
  if (counts.ready > 0) return null;
  if (counts.failed + counts.cancelled > 0) return 'failed';
  if (counts.needsOperator > 0) return 'paused';
  return counts.waiting > 0 ? 'stuck' : 'succeeded';
}

/** Ends (or pauses for an operator) a run in which nothing can move; gives its subject if it ended. */
export async function settleRun(
  sql: Sql,
  outside: { clock: Clock },
  subjects: SubjectRegistry,
  runId: string,
): Promise<{ kind: string; id: string } | null> {
  const [row] = await sql.query<StepCounts & { status: RunStatus; cancelling: boolean }>(COUNTS, [runId]);
  if (row === undefined) return null;
  const status = runStatusFor(row, row.cancelling);
  if (status === null) return null;
  if (status === 'stuck') {
    await recountPredecessors(sql, runId);
    return null;
  }
  // Locks the run against those who dispatch, pause, retry or cancel it, then looks again.
  const [locked] = await sql.query<{ status: RunStatus }>('select status from run where id = $1 for no key update', [
    runId,
  ]);
  const [again] = await sql.query<StepCounts & { cancelling: boolean }>(COUNTS, [runId]);
  if (locked === undefined || again === undefined || runStatusFor(again, again.cancelling) !== status) return null;
  if (locked.status === status) return null;
  const reason = status === 'succeeded' ? await leftOutOf(sql, runId) : await reasonOf(sql, runId, status);
  await changeRun(sql, outside.clock.now(), subjects, runId, status, reason);
  if (status === 'paused') return null;
  const run = await sql.manager.findOneByOrFail(RunEntity, { id: runId });
  return { kind: run.subjectKind, id: run.subjectId };
}

const COUNTS = `
  select run.status, run.cancelling, counts.* from run, lateral (
    select count(*) filter (where status in ('queued', 'running'))::integer as "inFlight",
      count(*) filter (where status = 'ready')::integer as ready,
      count(*) filter (where status = 'waiting')::integer as waiting,
      count(*) filter (where status = 'failed')::integer as failed,
      count(*) filter (where status = 'needs-operator')::integer as "needsOperator",
      count(*) filter (where status = 'cancelled')::integer as cancelled
    from step where run_id = run.id) as counts
  where run.id = $1 and run.status in ('running', 'paused')`;

/** What failed and was left out, of a run that has ended well otherwise. */
async function leftOutOf(sql: Sql, runId: string): Promise<string | null> {
  const steps = await sql.query<{ key: string; reason: string | null }>(
    `select key, reason from step where run_id = $1 and status = 'skipped' and may_fail and failure is not null
     order by position`,
    [runId],
  );
  if (steps.length === 0) return null;
  const said = steps.slice(0, 5).map(({ key, reason }) => `${key}: ${reason ?? 'no reason was given'}`);
  const more = steps.length > said.length ? `; and ${steps.length - said.length} more` : '';
  return `failed, and left out: ${said.join('; ')}${more}`;
}

async function reasonOf(sql: Sql, runId: string, status: RunStatus): Promise<string> {
  if (status === 'cancelled') {
    const [run] = await sql.query<{ reason: string | null }>('select reason from run where id = $1', [runId]);
    return run?.reason ?? 'cancelled';
  }
  const [step] = await sql.query<{ key: string; reason: string | null }>(
    `select key, reason from step where run_id = $1 and status = $2 order by position limit 1`,
    [runId, status === 'paused' ? 'needs-operator' : 'failed'],
  );
  const why = `${step?.key ?? 'a step'}: ${step?.reason ?? 'no reason was given'}`;
  return status === 'paused' ? `waits for an operator: ${why}` : why;
}

/** Sets a run's status, tells it, and lets the owner of its subject write along. */
export async function changeRun(
  sql: Sql,
  now: Date,
  subjects: SubjectRegistry,
  runId: string,
  status: RunStatus,
  reason: string | null,
): Promise<void> {
  const over = status === 'succeeded' || status === 'failed' || status === 'cancelled';
  await sql.query(
    `update run set status = $2, reason = $3, finished_at = $4, started_at = coalesce(started_at, $5),
       cancelling = cancelling and not $6 where id = $1`,
    [runId, status, reason, over ? now : null, status === 'queued' ? null : now, over],
  );
  const run = await sql.manager.findOneByOrFail(RunEntity, { id: runId });
  await tellRun(sql, now, run, `run.${status === 'running' ? 'started' : status}`, reason ?? run.title);
  await notifyOwner(sql.manager, subjects, run);
}

export async function tellRun(sql: Sql, now: Date, run: RunEntity, kind: string, message: string): Promise<void> {
  await appendEvents(sql, now, [
    {
      kind,
      message,
      runId: run.id,
      subject: { kind: run.subjectKind, id: run.subjectId },
      data: { action: run.action, status: run.status },
    },
  ]);
}

async function notifyOwner(manager: EntityManager, subjects: SubjectRegistry, run: RunEntity): Promise<void> {
  try {
    await subjects.find(run.subjectKind)?.runChanged?.(manager, run);
  } catch (error) {
    throw new Error(`cannot tell the owner of ${run.subjectKind} ${run.subjectId}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/**
 * Puts right what waiting steps wait for, from the steps themselves, in the caller's transaction. Needed only if a count
 * was ever lost. The rows are locked before anything is counted, so a count-down beside it is seen or comes after.
 */
export async function recountPredecessors(sql: Sql, runId: string): Promise<number> {
  const waiting = await sql.query<{ id: string }>(
    `select id from step where run_id = $1 and status = 'waiting' order by id for update`,
    [runId],
  );
  if (waiting.length === 0) return 0;
  const rows = await sql.query(
    `with actual as (
       select step.id, count(before.id) filter (where before.status not in ('succeeded', 'skipped'))::integer as pending
       from step left join step_edge edge on edge.after_id = step.id left join step before on before.id = edge.before_id
       where step.run_id = $1 and step.status = 'waiting' group by step.id)
     update step set pending = actual.pending, status = case when actual.pending = 0 then 'ready' else 'waiting' end
     from actual where step.id = actual.id and (step.pending <> actual.pending or actual.pending = 0)
     returning step.id`,
    [runId],
  );
  return rows.length;
}
