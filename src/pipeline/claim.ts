import type { JsonObject } from '../plan/index.js';
import type { Sql } from './database.js';

/** A step as a worker took it: its present execution, and the fence that all its writes are conditional on. */
export interface Claim {
  stepId: string;
  runId: string;
  subjectKind: string;
  subjectId: string;
  key: string;
  kind: string;
  title: string;
  input: JsonObject;
  state: JsonObject;
  executionId: string;
  fence: number;
  attempt: number;
  failures: number;
  retries: number;
  repeatable: boolean;
  mayFail: boolean;
  takenOver: boolean;
  cancelling: boolean;
  cancelTries: number;
  timeoutSeconds: number;
  stallSeconds: number;
  executionStartedAt: Date;
  attemptStartedAt: Date;
  lastSignAt: Date;
  logSource: number;
}

export interface ClaimRequest {
  stepId: string;
  worker: string;
  now: Date;
  leaseUntil: Date;
  /** Used if the step has no execution yet. */
  newExecutionId: string;
}

/**
 * Takes a step for one delivery, or gives null: somebody has it, it is not due, or there is nothing to do. The fence
 * rises, so whoever had the step before can write no more. A lease that ran out marks a takeover.
 */
export async function claimStep(sql: Sql, request: ClaimRequest): Promise<Claim | null> {
  const rows = await sql.query<Omit<Claim, 'logSource'> & { logSource: string }>(CLAIM, [
    request.stepId,
    request.now,
    request.leaseUntil,
    request.worker,
    request.newExecutionId,
  ]);
  const row = rows[0];
  return row === undefined ? null : { ...row, logSource: Number(row.logSource) };
}

const CLAIM = `
with old as (
  select step.id, lease_until, attempt_started_at, run.cancelling, run.subject_kind, run.subject_id
  from step join run on run.id = step.run_id
  where step.id = $1 and step.status in ('queued', 'running')
    and (lease_until is null or lease_until <= $2)
    and (not_before is null or not_before <= $2 or run.cancelling)
  for update of step skip locked
), taken as (
  update step set
    status = 'running', fence = fence + 1, rings = 0, not_before = null,
    lease_until = $3, lease_owner = $4, ring_at = $3,
    execution_id = coalesce(execution_id, $5),
    execution_started_at = coalesce(execution_started_at, $2),
    attempt = attempt + case when old.attempt_started_at is null then 1 else 0 end,
    attempt_started_at = coalesce(step.attempt_started_at, $2),
    last_sign_at = case when old.attempt_started_at is null then $2 else last_sign_at end,
    started_at = coalesce(started_at, $2)
  from old where step.id = old.id
  returning step.*, old.cancelling, old.subject_kind, old.subject_id,
    old.lease_until is not null as taken_over, old.attempt_started_at is null as fresh
), opened as (
  insert into attempt (step_id, number, execution_id, fence, worker, started_at, log_start)
  select id, attempt, execution_id, fence, $4, $2, log_bytes from taken where fresh
), told as (
  insert into event (at, kind, message, run_id, step_id, subject_kind, subject_id, data)
  select $2, 'step.started', title, run_id, id, subject_kind, subject_id, jsonb_build_object('key', key, 'attempt', attempt)
  from taken where fresh
)
select id as "stepId", run_id as "runId", subject_kind as "subjectKind", subject_id as "subjectId", key, kind, title,
  input, state, execution_id as "executionId", fence, attempt, failures, retries, repeatable,
  may_fail as "mayFail", taken_over as "takenOver", cancelling, cancel_tries as "cancelTries", timeout_seconds as "timeoutSeconds",
  stall_seconds as "stallSeconds", execution_started_at as "executionStartedAt",
  attempt_started_at as "attemptStartedAt", last_sign_at as "lastSignAt", log_source as "logSource"
from taken`;

/** The part of a claim that proves the right to write. */
export type Fence = Pick<Claim, 'stepId' | 'executionId' | 'fence'>;

/** The condition of every write of a worker; its parameters are `fenceOf(claim)`, first in the statement. */
export const FENCED = `id = $1 and execution_id = $2 and fence = $3 and status = 'running'`;

export function fenceOf(claim: Fence): [string, string, number] {
  return [claim.stepId, claim.executionId, claim.fence];
}

/**
 * Puts the leases of many claims off, in one statement. Gives the ids of the steps that are still the worker's own, and
 * whether their run is being cancelled.
 */
export async function renewLeases(
  sql: Sql,
  claims: readonly Fence[],
  leaseUntil: Date,
): Promise<Map<string, { cancelling: boolean }>> {
  const rows = await sql.query<{ id: string; cancelling: boolean }>(
    `update step set lease_until = $3, ring_at = $3
     from unnest($1::uuid[], $2::integer[]) as own (id, fence), run
     where step.id = own.id and step.fence = own.fence and step.status = 'running' and run.id = step.run_id
     returning step.id, run.cancelling`,
    [claims.map((claim) => claim.stepId), claims.map((claim) => claim.fence), leaseUntil],
  );
  return new Map(rows.map((row) => [row.id, { cancelling: row.cancelling }]));
}
