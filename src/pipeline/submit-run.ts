import { MusterError } from '../error.js';
import { checkPlan, type JsonObject, type Plan, type StepSpec } from '../plan/index.js';
import { isPostgresError, type Sql } from './database.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { Randomness, SecretBox } from './outside.js';
import { RunEntity } from './run.entity.js';
import { tellRun } from './settle-run.js';
import type { SubjectRegistry } from './subject-registry.js';

export interface NewRun {
  subject: { kind: string; id: string };
  /** `up`, `commission`, `release`. */
  action: string;
  title: string;
  plan: Plan;
  /** By a step's key: the values that its `given` names. They are sealed. */
  given?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Who asked for it. */
  actor: string;
  /** The submitter's own notes, kept with the run. */
  context?: JsonObject;
  /** Changes its subject, so only one such run is active at a time. True by default. */
  mutating?: boolean;
  /** What to do while another mutating run of the subject is active. `refuse` by default. */
  whenBusy?: 'refuse' | 'queue';
  /** The version of the subject's state that the plan was compiled from; a stale plan is refused. */
  basedOn?: string;
  /** What `RunsService.moment` said before the plan was made; where another run has ended since, it is refused. */
  since?: string;
  /** Steps in flight at once; the setting's bound by default. */
  stepsAtOnce?: number;
}

export interface SubmitDependencies {
  random: Randomness;
  handlers: HandlerRegistry;
  subjects: SubjectRegistry;
}

/** Stores a run with its steps, in the caller's transaction. */
export async function storeRun(
  sql: Sql,
  needs: SubmitDependencies & { secrets: SecretBox },
  now: Date,
  request: NewRun,
): Promise<RunEntity> {
  refuseBadPlan(request.plan, needs.handlers);
  await refuseStalePlan(sql, needs.subjects, request);
  const mutating = request.mutating ?? true;
  const blocker = mutating ? await findActiveRun(sql, request.subject) : null;
  if (blocker !== null && request.whenBusy !== 'queue') throw inTheWay(request.subject, blocker);
  const run = Object.assign<RunEntity, RunEntity>(new RunEntity(), {
    id: needs.random.uuid(),
    subjectKind: request.subject.kind,
    subjectId: request.subject.id,
    action: request.action,
    title: request.title,
    actor: request.actor,
    status: blocker === null ? 'running' : 'queued',
    reason: blocker === null ? null : `waits for run ${blocker.id}: ${blocker.title}`,
    context: request.context ?? {},
    mutating,
    basedOn: request.basedOn ?? null,
    stepsAtOnce: request.stepsAtOnce ?? null,
    cancelling: false,
    createdAt: now,
    startedAt: blocker === null ? now : null,
    finishedAt: null,
  });
  await insertRun(sql, run);
  // From here on no other run can begin: whatever ended before is seen.
  await refuseOvertaken(sql, run, request.since);
  const ids = await insertSteps(sql, needs.random, run, request.plan.steps);
  await insertGiven(sql, needs, run, request, ids);
  await tellRun(sql, now, run, blocker === null ? 'run.started' : 'run.queued', run.reason ?? run.title);
  return run;
}

function refuseBadPlan(plan: Plan, handlers: HandlerRegistry): void {
  const problems = checkPlan(plan, (kind) => handlers.find(kind) !== null);
  if (problems.length === 0) return;
  throw new MusterError('invalid', `cannot run this plan: ${problems.length} of its steps are wrong`, {
    details: problems,
  });
}

async function refuseStalePlan(sql: Sql, subjects: SubjectRegistry, request: NewRun): Promise<void> {
  if (request.basedOn === undefined) return;
  const { kind, id } = request.subject;
  const present = await subjects.find(kind)?.versionOf?.(sql.manager, id);
  if (present === undefined || present === request.basedOn) return;
  throw new MusterError(
    'conflict',
    `cannot run this plan: ${kind} ${id} has changed since it was made (${request.basedOn}, now ${present ?? 'gone'})`,
    { hint: 'make the plan again' },
  );
}

/** Names what mutating runs of a subject there have been and are, but for one. */
export async function momentOf(
  sql: Sql,
  subject: { kind: string; id: string },
  except: string | null = null,
): Promise<string> {
  const [row] = await sql.query<{ moment: string }>(
    `select concat_ws('/', count(*), count(finished_at), max(finished_at)) as moment from run
     where subject_kind = $1 and subject_id = $2 and mutating and id is distinct from $3::uuid`,
    [subject.kind, subject.id, except],
  );
  return row?.moment ?? '';
}

async function refuseOvertaken(sql: Sql, run: RunEntity, since: string | undefined): Promise<void> {
  const subject = { kind: run.subjectKind, id: run.subjectId };
  if (since === undefined || since === (await momentOf(sql, subject, run.id))) return;
  throw new MusterError(
    'conflict',
    `cannot start: another run on ${subject.kind} ${subject.id} has ended while this one was planned`,
    { hint: 'make the plan again' },
  );
}

export async function findActiveRun(
  sql: Sql,
  subject: { kind: string; id: string },
): Promise<{ id: string; title: string } | null> {
  const [row] = await sql.query<{ id: string; title: string }>(
    `select id, title from run where subject_kind = $1 and subject_id = $2 and mutating
       and status in ('running', 'paused')`,
    [subject.kind, subject.id],
  );
  return row ?? null;
}

export function inTheWay(subject: { kind: string; id: string }, blocker: { id: string; title: string }): MusterError {
  return new MusterError(
    'conflict',
    `cannot start: run ${blocker.id} (${blocker.title}) is at work on ${subject.kind} ${subject.id}`,
    {
      hint: `wait for it, or end it: muster cancel ${blocker.id}`,
      details: [{ at: `run ${blocker.id}`, message: blocker.title }],
    },
  );
}

/** Two submitters who saw nobody at work: the index lets one pass. */
async function insertRun(sql: Sql, run: RunEntity): Promise<void> {
  try {
    await sql.query(
      `insert into run (id, subject_kind, subject_id, action, title, actor, status, reason, context, mutating, based_on,
         steps_at_once, cancelling, created_at, started_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, false, $13, $14)`,
      [
        ...[run.id, run.subjectKind, run.subjectId, run.action, run.title, run.actor, run.status, run.reason],
        ...[JSON.stringify(run.context), run.mutating, run.basedOn, run.stepsAtOnce, run.createdAt, run.startedAt],
      ],
    );
  } catch (error) {
    if (!isPostgresError(error, '23505')) throw error;
    throw new MusterError(
      'conflict',
      `cannot start: another run has just begun on ${run.subjectKind} ${run.subjectId}`,
      { hint: 'wait for it, or cancel it', cause: error },
    );
  }
}

const STEPS_PER_INSERT = 500;

export async function insertSteps(
  sql: Sql,
  random: Randomness,
  run: Pick<RunEntity, 'id' | 'subjectKind' | 'subjectId'>,
  specs: readonly StepSpec[],
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map(specs.map((spec) => [spec.key, random.uuid()]));
  for (let first = 0; first < specs.length; first += STEPS_PER_INSERT) {
    const rows = specs
      .slice(first, first + STEPS_PER_INSERT)
      .map((spec, index) => rowOf(run, spec, first + index, ids.get(spec.key) ?? ''));
    await sql.query(INSERT_STEPS, [run.id, JSON.stringify(rows)]);
  }
  const edges = specs.flatMap((spec) => spec.after.map((before) => [ids.get(before) ?? '', ids.get(spec.key) ?? '']));
  if (edges.length === 0) return ids;
  await sql.query('insert into step_edge (before_id, after_id) select * from unnest($1::uuid[], $2::uuid[])', [
    edges.map(([before]) => before),
    edges.map(([, after]) => after),
  ]);
  return ids;
}

async function insertGiven(
  sql: Sql,
  { random, secrets }: { random: Randomness; secrets: SecretBox },
  run: Pick<RunEntity, 'id'>,
  { plan, given }: Pick<NewRun, 'plan' | 'given'>,
  ids: ReadonlyMap<string, string>,
): Promise<void> {
  for (const spec of plan.steps)
    for (const name of spec.given ?? []) {
      const value = given?.[spec.key]?.[name];
      if (value === undefined) throw new MusterError('internal', `cannot run ${spec.key}: nobody gave it ${name}`);
      const id = random.uuid();
      await sql.query(
        'insert into output (id, run_id, step_id, name, sealed, given) values ($1, $2, $3, $4, $5, true)',
        [id, run.id, ids.get(spec.key), name, secrets.seal(value, id)],
      );
    }
}

const INSERT_STEPS = `
insert into step (id, run_id, position, key, kind, title, lane, lane_key, input, timeout_seconds, stall_seconds, retries,
  repeatable, destructive, may_fail, status, pending, fence, attempt, failures, delivery, rings, state, percent, log_bytes,
  log_source, log_capped, cancel_tries)
select id, $1, position, key, kind, title, lane, lane_key, input, timeout_seconds, stall_seconds, retries,
  repeatable, destructive, may_fail, case when pending = 0 then 'ready' else 'waiting' end, pending, 0, 0, 0, 0, 0, '{}', 0, 0,
  0, false, 0
from jsonb_to_recordset($2::jsonb) as spec (id uuid, position integer, key text, kind text, title text, lane text,
  lane_key text, input jsonb, timeout_seconds integer, stall_seconds integer, retries integer, repeatable boolean,
  destructive boolean, may_fail boolean, pending integer)`;

function rowOf(
  run: Pick<RunEntity, 'subjectKind' | 'subjectId'>,
  spec: StepSpec,
  position: number,
  id: string,
): JsonObject {
  return {
    id,
    position,
    key: spec.key,
    kind: spec.kind,
    title: spec.title,
    lane: spec.lane,
    lane_key: spec.lane === null ? null : JSON.stringify([run.subjectKind, run.subjectId, spec.lane]),
    input: spec.input,
    timeout_seconds: spec.timeoutSeconds,
    stall_seconds: spec.stallSeconds,
    retries: spec.retries,
    repeatable: spec.repeatable,
    destructive: spec.destructive,
    may_fail: spec.mayFail ?? false,
    pending: spec.after.length,
  };
}
