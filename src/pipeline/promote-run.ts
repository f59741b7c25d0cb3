import { messageOf } from '../error.js';
import { checkPlan } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import type { Sql } from './database.js';
import { RunEntity } from './run.entity.js';
import { changeRun } from './settle-run.js';
import { insertSteps, type SubmitDependencies } from './submit-run.js';

/**
 * Begins the oldest queued run of a subject on which nothing is at work. If the subject has changed since its plan was
 * made, the plan is made again first; what cannot be made again fails, and the next one's turn comes.
 */
export async function promoteQueued(
  sql: Sql,
  needs: SubmitDependencies & { clock: Clock },
  subject: { kind: string; id: string },
): Promise<string[]> {
  for (;;) {
    const [next] = await sql.query<{ id: string }>(
      `select id from run where subject_kind = $1 and subject_id = $2 and status = 'queued'
         and not exists (select 1 from run as busy where busy.subject_kind = $1 and busy.subject_id = $2
           and busy.mutating and busy.status in ('running', 'paused'))
       order by created_at, id limit 1 for no key update skip locked`,
      [subject.kind, subject.id],
    );
    if (next === undefined) return [];
    const problem = await refreshPlan(sql, needs, next.id);
    const status = problem === null ? 'running' : 'failed';
    await changeRun(sql, needs.clock.now(), needs.subjects, next.id, status, problem);
    if (problem === null) return [next.id];
  }
}

/** Null where the plan is fresh, or was made fresh; otherwise why it cannot run. */
async function refreshPlan(sql: Sql, needs: SubmitDependencies, runId: string): Promise<string | null> {
  const run = await sql.manager.findOneByOrFail(RunEntity, { id: runId });
  const owner = needs.subjects.find(run.subjectKind);
  if (run.basedOn === null || owner?.versionOf === undefined) return null;
  const present = await owner.versionOf(sql.manager, run.subjectId);
  if (present === run.basedOn) return null;
  if (present === null) return `the ${run.subjectKind} is gone`;
  if (owner.recompile === undefined) return `the ${run.subjectKind} has changed since the plan was made`;
  const made = await owner.recompile(sql.manager, run).catch((error: unknown) => messageOf(error));
  if (typeof made === 'string') return `its plan cannot be made again: ${made}`;
  const plan = made?.plan ?? { steps: [] };
  const wrong = checkPlan(plan, (kind) => needs.handlers.find(kind) !== null)[0];
  if (wrong !== undefined) return `its plan, made again, is wrong: ${wrong.at}: ${wrong.message}`;
  await sql.query('delete from step where run_id = $1', [runId]);
  await insertSteps(sql, needs.random, run, plan.steps);
  await sql.query('update run set based_on = $2 where id = $1', [runId, made?.basedOn ?? present]);
  return null;
}
