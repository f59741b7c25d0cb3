import type { JsonObject } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import type { Database, Sql } from './database.js';

export interface NewEvent {
  kind: string;
  message: string;
  runId?: string;
  stepId?: string;
  subject?: { kind: string; id: string };
  data?: JsonObject;
}

export interface EventView {
  number: number;
  at: Date;
  kind: string;
  message: string;
  runId: string | null;
  stepId: string | null;
  subject: { kind: string; id: string } | null;
  data: JsonObject;
}

/** Adds events to the caller's transaction. They get their numbers after its commit. */
export async function appendEvents(sql: Sql, at: Date, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const columns = [
    events.map((event) => event.kind),
    events.map((event) => event.message),
    events.map((event) => event.runId ?? null),
    events.map((event) => event.stepId ?? null),
    events.map((event) => event.subject?.kind ?? null),
    events.map((event) => event.subject?.id ?? null),
    events.map((event) => JSON.stringify(event.data ?? {})),
  ];
  await sql.query(
    `insert into event (at, kind, message, run_id, step_id, subject_kind, subject_id, data)
     select $1, * from unnest($2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::jsonb[])`,
    [at, ...columns],
  );
}

/** Any number; only this use of it matters. */
const SEQUENCER_LOCK = 1_837_401_001;

/**
 * Numbers events that have been committed, without gaps, one sequencer at a time: whoever sees number n can rely on
 * having seen all below it, which a serial column does not give (it is drawn before the commit). Returns how many.
 */
export async function numberEvents(database: Database): Promise<number> {
  return database.transaction(async (sql) => {
    const [lock] = await sql.query<{ taken: boolean }>('select pg_try_advisory_xact_lock($1) as taken', [
      SEQUENCER_LOCK,
    ]);
    if (lock?.taken !== true) return 0;
    const rows = await sql.query(
      `with fresh as (select id, row_number() over (order by id) as place
                      from (select id from event where number is null order by id limit 5000) as batch),
            highest as (select coalesce(max(number), 0) as number from event)
       update event set number = highest.number + fresh.place from fresh, highest
       where event.id = fresh.id returning event.id`,
    );
    return rows.length;
  });
}

export interface EventFilter {
  runId?: string;
  subject?: { kind: string; id: string };
}

interface EventRow {
  number: string;
  at: Date;
  kind: string;
  message: string;
  run_id: string | null;
  step_id: string | null;
  subject_kind: string | null;
  subject_id: string | null;
  data: JsonObject;
}

/** Events above a number, in order. */
export async function readEvents(sql: Sql, after: number, filter: EventFilter = {}, limit = 500): Promise<EventView[]> {
  const rows = await sql.query<EventRow>(
    `select number, at, kind, message, run_id, step_id, subject_kind, subject_id, data from event
     where number > $1 and ($2::uuid is null or run_id = $2)
       and ($3::text is null or (subject_kind = $3 and subject_id = $4))
     order by number limit $5`,
    [after, filter.runId ?? null, filter.subject?.kind ?? null, filter.subject?.id ?? null, limit],
  );
  return rows.map(viewOf);
}

function viewOf(row: EventRow): EventView {
  const subject =
    row.subject_kind === null || row.subject_id === null ? null : { kind: row.subject_kind, id: row.subject_id };
  return {
    number: Number(row.number),
    at: row.at,
    kind: row.kind,
    message: row.message,
    runId: row.run_id,
    stepId: row.step_id,
    subject,
    data: row.data,
  };
}

export async function lastEventNumber(sql: Sql): Promise<number> {
  const [row] = await sql.query<{ number: string }>('select coalesce(max(number), 0) as number from event');
  return Number(row?.number ?? 0);
}

/** Follows events above a number until the signal aborts. A reader that resumes with the last number misses none. */
export async function* followEvents(
  outside: { database: Database; clock: Clock },
  after: number,
  filter: EventFilter,
  signal: AbortSignal,
  pollMs = 250,
): AsyncGenerator<EventView> {
  let last = after;
  while (!signal.aborted) {
    await numberEvents(outside.database);
    const events = await readEvents(outside.database, last, filter);
    for (const event of events) {
      yield event;
      last = event.number;
    }
    if (events.length === 0) await outside.clock.sleep(pollMs, signal).catch(() => undefined);
  }
}
