import { outputReferencesIn, type JsonValue } from '../plan/index.js';
import { fenceOf, FENCED, type Claim } from './claim.js';
import type { Sql } from './database.js';
import { appendEvents } from './event-log.js';
import type { FailureKind } from './step-handler.js';
import type { SecretBox } from './outside.js';

/** What a delivery comes to, decided; see `decideVerdict`. */
export type Verdict =
  | { kind: 'succeeded'; note: string | null; exitCode: number | null; outputs: PublishedOutput[] }
  | { kind: 'again'; notBefore: Date; ringAt: Date }
  | { kind: 'retry'; notBefore: Date; ringAt: Date; reason: string; exitCode: number | null }
  | {
      kind: 'failed';
      failure: FailureKind;
      reason: string;
      hint: string | null;
      exitCode: number | null;
      leftOut: boolean;
    }
  | { kind: 'cancelled'; reason: string | null };

export type PublishedOutput =
  { id: string; name: string; value: JsonValue } | { id: string; name: string; secret: string };

/** Given up by a worker whose execution another one has taken: nothing of it was written. */
export class SupersededError extends Error {
  constructor(claim: { stepId: string; fence: number }) {
    super(`cannot write for step ${claim.stepId}: fence ${claim.fence} was superseded`);
    this.name = 'SupersededError';
  }
}

/**
 * Writes a verdict, in the caller's transaction, if the fence still holds; throws {@link SupersededError} if not.
 * Gives the number of the next delivery, where there is to be one.
 */
export async function settleStep(
  sql: Sql,
  claim: Claim,
  verdict: Verdict,
  now: Date,
  secrets: SecretBox,
): Promise<number | null> {
  switch (verdict.kind) {
    case 'again':
      return putOff(sql, claim, verdict);
    case 'retry':
      return closeForRetry(sql, claim, verdict, now);
    case 'succeeded':
      await end(sql, claim, now, { ...EMPTY, status: 'succeeded', outcome: 'succeeded', ...verdict });
      await publish(sql, claim, verdict.outputs, secrets);
      await forgetGiven(sql, claim);
      await countDown(sql, [claim.stepId]);
      return null;
    case 'failed': {
      const stopped = verdict.failure === 'needs-operator' ? 'needs-operator' : 'failed';
      const status = verdict.leftOut ? 'skipped' : stopped;
      await end(sql, claim, now, { ...EMPTY, ...verdict, status, outcome: 'failed' });
      if (verdict.leftOut) await countDown(sql, [claim.stepId]);
      return null;
    }
    case 'cancelled':
      await end(sql, claim, now, { ...EMPTY, status: 'cancelled', outcome: 'cancelled', reason: verdict.reason });
      return null;
  }
}

interface StepEnd {
  status: string;
  outcome: string;
  failure: string | null;
  reason: string | null;
  hint: string | null;
  note: string | null;
  exitCode: number | null;
}
const EMPTY = { failure: null, reason: null, hint: null, note: null, exitCode: null };

async function end(sql: Sql, claim: Claim, now: Date, result: StepEnd): Promise<void> {
  const rows = await sql.query(
    `with ended as (
       update step set status = $4, finished_at = $5, failure = $6, reason = $7, hint = $8, note = $9,
         percent = case when $4 = 'succeeded' then 100 else percent end,
         lease_until = null, lease_owner = null, ring_at = null, not_before = null, attempt_started_at = null
       where ${FENCED} returning id, attempt, run_id, key
     ), closed as (
       update attempt set finished_at = $5, outcome = $10, failure = $6, reason = $7, exit_code = $11, fence = $3
       from ended where attempt.step_id = ended.id and attempt.number = ended.attempt
     ), told as (
       insert into event (at, kind, message, run_id, step_id, subject_kind, subject_id, data)
       select $5, 'step.' || $4, $12::text, run_id, id, $13::text, $14::text,
         jsonb_build_object('key', key, 'attempt', attempt)
       from ended
     )
     select id from ended`,
    [
      ...fenceOf(claim),
      result.status,
      now,
      result.failure,
      result.reason,
      result.hint,
      result.note,
      result.outcome,
      result.exitCode,
      result.reason ?? result.note ?? claim.title,
      claim.subjectKind,
      claim.subjectId,
    ],
  );
  if (rows.length === 0) throw new SupersededError(claim);
}

async function putOff(sql: Sql, claim: Claim, times: { notBefore: Date; ringAt: Date }): Promise<number> {
  const rows = await sql.query<{ delivery: number }>(
    `update step set lease_until = null, lease_owner = null, not_before = $4, ring_at = $5, delivery = delivery + 1
     where ${FENCED} returning delivery`,
    [...fenceOf(claim), times.notBefore, times.ringAt],
  );
  const row = rows[0];
  if (row === undefined) throw new SupersededError(claim);
  return row.delivery;
}

/** Ends the attempt, keeps the execution and the lane, and waits. */
async function closeForRetry(
  sql: Sql,
  claim: Claim,
  verdict: Extract<Verdict, { kind: 'retry' }>,
  now: Date,
): Promise<number> {
  const rows = await sql.query<{ delivery: number }>(
    `with ended as (
       update step set status = 'queued', failures = failures + 1, reason = $6, failure = 'transient',
         lease_until = null, lease_owner = null, attempt_started_at = null, not_before = $4, ring_at = $5,
         delivery = delivery + 1
       where ${FENCED} returning id, attempt, delivery
     ), closed as (
       update attempt set finished_at = $7, outcome = 'failed', failure = 'transient', reason = $6, exit_code = $8,
         fence = $3
       from ended where attempt.step_id = ended.id and attempt.number = ended.attempt
     )
     select delivery from ended`,
    [...fenceOf(claim), verdict.notBefore, verdict.ringAt, verdict.reason, now, verdict.exitCode],
  );
  const row = rows[0];
  if (row === undefined) throw new SupersededError(claim);
  await appendEvents(sql, now, [
    {
      kind: 'step.retrying',
      message: verdict.reason,
      runId: claim.runId,
      stepId: claim.stepId,
      subject: { kind: claim.subjectKind, id: claim.subjectId },
      data: { key: claim.key, attempt: claim.attempt },
    },
  ]);
  return row.delivery;
}

async function publish(sql: Sql, claim: Claim, outputs: readonly PublishedOutput[], secrets: SecretBox): Promise<void> {
  for (const output of outputs) {
    const value = 'secret' in output ? null : JSON.stringify(output.value);
    const sealed = 'secret' in output ? secrets.seal(output.secret, output.id) : null;
    await sql.query('delete from output where step_id = $1 and name = $2', [claim.stepId, output.name]);
    await sql.query(
      'insert into output (id, run_id, step_id, name, value, sealed) values ($1, $2, $3, $4, $5::jsonb, $6)',
      [output.id, claim.runId, claim.stepId, output.name, value, sealed],
    );
  }
}

/** What the step was given has done its work. */
async function forgetGiven(sql: Sql, { stepId, key, input }: Claim): Promise<void> {
  if (!outputReferencesIn(input).some(({ step }) => step === key)) return;
  await sql.query('delete from output where step_id = $1 and given', [stepId]);
}

/**
 * Takes these finished steps off what their successors wait for. The successors' rows are locked in one order, so that
 * two predecessors which finish together neither block each other for ever nor both think the other unfinished.
 */
export async function countDown(sql: Sql, finished: readonly string[]): Promise<void> {
  await sql.query(
    `with locked as (
       select id from step where id in (select after_id from step_edge where before_id = any($1))
       order by id for update
     ), gone as (
       select after_id as id, count(*)::integer as many from step_edge where before_id = any($1) group by after_id
     )
     update step set pending = pending - gone.many,
       status = case when status = 'waiting' and pending - gone.many = 0 then 'ready' else status end
     from locked join gone using (id) where step.id = locked.id`,
    [finished],
  );
}
