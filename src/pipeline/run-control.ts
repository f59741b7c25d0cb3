import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { EntityManager } from 'typeorm';
import { isPostgresError, sqlOf, type Database, type Sql } from './database.js';
import type { JsonObject } from '../plan/index.js';
import { appendEvents } from './event-log.js';
import type { SecretBox } from './outside.js';
import { RunEntity } from './run.entity.js';
import { changeRun, recountPredecessors } from './settle-run.js';
import { countDown } from './settle-step.js';
import { mayBecome, STEP_TRANSITIONS, type RunStatus, type StepStatus } from './status.js';
import { resolveInput } from './step-outputs.js';
import type { SubjectRegistry } from './subject-registry.js';
import { findActiveRun, inTheWay } from './submit-run.js';

interface ControlNeeds {
  database: Database;
  clock: Clock;
  subjects: SubjectRegistry;
  secrets: SecretBox;
}

/**
 * What a person may do to a run. Each is one transaction under the run's lock, or part of the manager's; dispatching
 * comes after it.
 */
export class RunControl {
  constructor(private readonly needs: ControlNeeds) {}

  /** Nothing new starts; steps that have begun go on to their end. */
  pause(runId: string, manager?: EntityManager): Promise<void> {
    return this.change({ runId, manager, verb: 'pause' }, ['running'], async (sql) => {
      await sql.query(
        `update step set status = 'ready', ring_at = null
         where run_id = $1 and status = 'queued' and lease_until is null`,
        [runId],
      );
      await changeRun(sql, this.now(), this.needs.subjects, runId, 'paused', 'paused on request');
    });
  }

  resume(runId: string, manager?: EntityManager): Promise<void> {
    return this.change({ runId, manager, verb: 'resume' }, ['paused'], async (sql) => {
      await changeRun(sql, this.now(), this.needs.subjects, runId, 'running', null);
    });
  }

  /** Ends a run: what has not begun never will, what has begun is stopped. */
  cancel(runId: string, reason: string, manager?: EntityManager): Promise<void> {
    return this.change({ runId, manager, verb: 'cancel' }, ['queued', 'running', 'paused'], async (sql, run) => {
      const now = this.now();
      await sql.query(
        `update step set status = 'cancelled', finished_at = $2, ring_at = null, not_before = null
         where run_id = $1 and lease_until is null and attempt_started_at is null and execution_id is null
           and status = any($3)`,
        [runId, now, mayBecome(STEP_TRANSITIONS, 'cancelled')],
      );
      await sql.query(
        `update step set status = 'cancelled', finished_at = $2 where run_id = $1 and status in ('waiting', 'ready', 'needs-operator')`,
        [runId, now],
      );
      await sql.query(
        `update step set ring_at = $2, not_before = null where run_id = $1 and status in ('queued', 'running') and lease_until is null`,
        [runId, now],
      );
      await sql.query('update run set cancelling = true, reason = $2 where id = $1', [runId, reason]);
      if (run.status === 'queued') await changeRun(sql, now, this.needs.subjects, runId, 'cancelled', reason);
      else await this.tell(sql, run, 'run.cancelling', reason);
    });
  }

  /**
   * Starts failed, cancelled and operator's steps again, on the same nodes, each with a new execution; all of them, or
   * those with the given keys. The rest of the run goes on from there.
   */
  retry(runId: string, keys: readonly string[] | null, manager?: EntityManager): Promise<void> {
    return this.change(
      { runId, manager, verb: 'retry' },
      ['running', 'paused', 'failed', 'cancelled'],
      async (sql, run) => {
        if (run.status === 'failed' || run.status === 'cancelled') await this.refuseOvertaken(sql, run);
        const rows = await sql.query<{ key: string }>(
          `update step set status = 'waiting', execution_id = null, execution_started_at = null, state = '{}',
           failures = 0, failure = null, reason = null, hint = null, percent = 0, message = null, finished_at = null,
           not_before = null, cancel_tries = 0, log_source = 0
         where run_id = $1 and ($3::text[] is null or key = any($3))
           and (status = any($2) or status = 'skipped' and may_fail and failure is not null) returning key`,
          [runId, ['failed', 'cancelled', 'needs-operator'] satisfies StepStatus[], keys],
        );
        const missing = (keys ?? []).filter((key) => !rows.some((row) => row.key === key));
        if (missing.length > 0) throw notThere(runId, missing, 'failed, was cancelled or waits for an operator');
        if (rows.length === 0) {
          throw new MusterError('conflict', `cannot retry run ${runId}: none of its steps failed`);
        }
        await recountPredecessors(sql, runId);
        await this.goOn(sql, run);
        await this.tell(sql, run, 'run.retried', `again: ${rows.map((row) => row.key).join(', ')}`);
      },
    );
  }

  /** Leaves a step out, as if it had succeeded without publishing anything. */
  skip(runId: string, key: string, why: string, manager?: EntityManager): Promise<void> {
    return this.change(
      { runId, manager, verb: 'skip a step of' },
      ['running', 'paused', 'failed'],
      async (sql, run) => {
        const [step] = await sql.query<{ id: string; kind: string; input: JsonObject }>(
          `update step set status = 'skipped', finished_at = $3, reason = $4, failure = null, hint = null
         where run_id = $1 and key = $2 and status = any($5) returning id, kind, input`,
          [runId, key, this.now(), why, mayBecome(STEP_TRANSITIONS, 'skipped').filter((from) => from !== 'running')],
        );
        if (step === undefined) throw notThere(runId, [key], 'can be skipped now');
        await countDown(sql, [step.id]);
        await this.tell(sql, run, 'step.skipped', why, { id: step.id, key });
        await this.tellOwner(sql, run, { ...step, key, why });
        const [left] = await sql.query<{ stopped: boolean }>(
          `select exists (select 1 from step where run_id = $1 and status in ('failed', 'needs-operator')) as stopped`,
          [runId],
        );
        if (left?.stopped === false && (run.status === 'failed' || waitsForOperator(run))) {
          await this.refuseOvertaken(sql, run);
          await this.goOn(sql, run);
        }
      },
    );
  }

  /** What of its input nobody has published yet leaves it unresolved. */
  private async tellOwner(
    sql: Sql,
    run: RunEntity,
    { id: stepId, key, kind, input, why }: { id: string; key: string; kind: string; input: JsonObject; why: string },
  ): Promise<void> {
    const owner = this.needs.subjects.find(run.subjectKind);
    if (owner?.stepSkipped === undefined) return;
    const resolved = await resolveInput(sql, this.needs.secrets, run.id, input).catch((error: unknown) => {
      if (error instanceof MusterError && error.kind === 'invalid') return null;
      throw error;
    });
    const step = { subjectId: run.subjectId, runId: run.id, stepId, key, kind, input, why };
    await owner.stepSkipped(sql.manager, { ...step, resolved: resolved?.input ?? null });
  }

  private now(): Date {
    return this.needs.clock.now();
  }

  private change(
    { runId, manager, verb }: { runId: string; manager: EntityManager | undefined; verb: string },
    allowed: readonly RunStatus[],
    work: (sql: Sql, run: RunEntity) => Promise<void>,
  ): Promise<void> {
    const locked = async (sql: Sql) => {
      await sql.query('select 1 from run where id = $1 for no key update', [runId]);
      const run = await sql.manager.findOneBy(RunEntity, { id: runId });
      if (run === null) throw new MusterError('not-found', `cannot find run ${runId}`);
      if (!allowed.includes(run.status)) {
        throw new MusterError('conflict', `cannot ${verb} run ${runId}: it is ${run.status}`);
      }
      if (run.cancelling) throw new MusterError('conflict', `cannot ${verb} run ${runId}: it is being cancelled`);
      await work(sql, run);
    };
    return manager === undefined ? this.needs.database.transaction(locked) : locked(sqlOf(manager));
  }

  /** A later run has changed the subject, so the rest of this plan would work on something else. */
  private async refuseOvertaken(sql: Sql, run: RunEntity): Promise<void> {
    if (!run.mutating) return;
    const subject = { kind: run.subjectKind, id: run.subjectId };
    const active = await findActiveRun(sql, subject);
    if (active !== null && active.id !== run.id) throw inTheWay(subject, active);
    const [later] = await sql.query<{ id: string; title: string }>(
      `select id, title from run where subject_kind = $1 and subject_id = $2 and mutating and id <> $3
         and started_at > (select started_at from run where id = $3) order by started_at desc limit 1`,
      [run.subjectKind, run.subjectId, run.id],
    );
    if (later === undefined) return;
    throw new MusterError(
      'conflict',
      `cannot go on with run ${run.id}: run ${later.id} (${later.title}) has changed ${subject.kind} ${subject.id} since`,
      { hint: 'make a new plan', details: [{ at: `run ${later.id}`, message: later.title }] },
    );
  }

  private async goOn(sql: Sql, run: RunEntity): Promise<void> {
    if (run.status === 'running' || (run.status === 'paused' && !waitsForOperator(run))) return;
    try {
      await changeRun(sql, this.now(), this.needs.subjects, run.id, 'running', null);
    } catch (error) {
      if (!isPostgresError(error, '23505')) throw error;
      const subject = { kind: run.subjectKind, id: run.subjectId };
      throw new MusterError('conflict', `cannot go on: another run has just begun on ${subject.kind} ${subject.id}`, {
        cause: error,
      });
    }
  }

  private async tell(
    sql: Sql,
    run: RunEntity,
    kind: string,
    message: string,
    step?: { id: string; key: string },
  ): Promise<void> {
    await appendEvents(sql, this.now(), [
      {
        kind,
        message,
        runId: run.id,
        subject: { kind: run.subjectKind, id: run.subjectId },
        ...(step === undefined ? {} : { stepId: step.id, data: { key: step.key } }),
      },
    ]);
  }
}

/** Paused by the engine, not by a person: settleRun writes this reason. */
function waitsForOperator(run: RunEntity): boolean {
  return run.status === 'paused' && run.reason?.startsWith('waits for an operator') === true;
}

function notThere(runId: string, keys: readonly string[], what: string): MusterError {
  return new MusterError('conflict', `cannot find a step ${keys.join(', ')} of run ${runId} that ${what}`, {
    hint: `muster status ${runId} lists the steps`,
  });
}
