import { messageOf } from '../error.js';
import { isPostgresError, type Sql } from './database.js';
import type { Outside, Ring } from './outside.js';
import { promoteQueued } from './promote-run.js';
import { settleRun } from './settle-run.js';
import type { SubmitDependencies } from './submit-run.js';

/** Any number; only this use of it matters. */
const DESTRUCTIVE_LOCK = 1_837_401_002;

interface Candidate {
  id: string;
  lane_key: string | null;
  destructive: boolean;
}

/**
 * Gives a run's ready steps to the queue, as far as lanes and caps allow, and ends a run that has nothing left. Calls
 * for one run are serialised by its row, and calls that come while one is at work are answered by one more.
 */
export class Dispatcher {
  private readonly busy = new Map<string, { again: boolean; done: Promise<void> }>();

  constructor(
    private readonly outside: Outside,
    private readonly needs: Pick<SubmitDependencies, 'handlers' | 'subjects'>,
  ) {}

  /** Resolves when a pass that began after this call is over. Throws when Postgres cannot be reached. */
  dispatch(runId: string): Promise<void> {
    const present = this.busy.get(runId);
    if (present !== undefined) {
      present.again = true;
      return present.done;
    }
    const entry = { again: false, done: Promise.resolve() };
    this.busy.set(runId, entry);
    entry.done = this.passes(runId, entry).finally(() => this.busy.delete(runId));
    return entry.done;
  }

  private async passes(runId: string, entry: { again: boolean }): Promise<void> {
    let over: { kind: string; id: string } | null;
    do {
      entry.again = false;
      over = await this.pass(runId);
    } while (isWantedAgain(entry));
    if (over !== null) await this.promote(over);
  }

  /** Begins what is queued for a subject, if nothing is at work on it. */
  async promote(subject: { kind: string; id: string }): Promise<void> {
    const { clock, database, random } = this.outside;
    const begun = await database.transaction((sql) => promoteQueued(sql, { ...this.needs, clock, random }, subject));
    for (const runId of begun) await this.dispatch(runId);
  }

  /** Gives the subject of a run that ended. */
  private async pass(runId: string): Promise<{ kind: string; id: string } | null> {
    const result = await this.outside.database
      .transaction(async (sql) => {
        const { rings, busy } = await this.queueReady(sql, runId);
        const over = busy ? null : await settleRun(sql, this.outside, this.needs.subjects, runId);
        return { rings, over };
      })
      .catch((error: unknown) => {
        // Two runs of one subject reached for one lane; the sweeper comes back to the one that was late.
        if (isPostgresError(error, '23505')) return { rings: [], over: null };
        throw error;
      });
    await this.ring(result.rings);
    return result.over;
  }

  /** `busy`: something is in flight, so the run cannot be over. */
  private async queueReady(sql: Sql, runId: string): Promise<{ rings: Ring[]; busy: boolean }> {
    const [run] = await sql.query<{ cap: number | null }>(
      `select steps_at_once as cap from run where id = $1 and status = 'running' and not cancelling for no key update`,
      [runId],
    );
    if (run === undefined) return { rings: [], busy: false };
    const inFlight = await countInFlight(sql, runId);
    const room = (run.cap ?? this.outside.settings.stepsPerRun) - inFlight;
    const chosen = room <= 0 ? [] : await this.choose(sql, runId, room);
    if (chosen.length === 0) return { rings: [], busy: inFlight > 0 };
    const now = this.outside.clock.now();
    const rows = await sql.query<{ id: string; delivery: number }>(
      `update step set status = 'queued', delivery = delivery + 1, rings = 0, lease_until = null, lease_owner = null,
         ring_at = $2
       where id = any($1) and status = 'ready' returning id, delivery`,
      [chosen, new Date(now.getTime() + this.outside.settings.ringAgainMs)],
    );
    return { rings: rows.map((row) => ({ stepId: row.id, delivery: row.delivery, delayMs: 0 })), busy: true };
  }

  private async choose(sql: Sql, runId: string, room: number): Promise<string[]> {
    const candidates = await sql.query<Candidate>(
      `select id, lane_key, destructive from step
       where run_id = $1 and status = 'ready' and (not_before is null or not_before <= $3)
         and (lane_key is null or not exists (
           select 1 from step as other where other.lane_key = step.lane_key and other.status in ('queued', 'running')))
       order by position limit $2 for update skip locked`,
      [runId, room * 4, this.outside.clock.now()],
    );
    let destructiveRoom = candidates.some((step) => step.destructive) ? await this.destructiveRoom(sql) : 0;
    const lanes = new Set<string>();
    const chosen: string[] = [];
    for (const step of candidates) {
      if (chosen.length === room) break;
      if (step.lane_key !== null && lanes.has(step.lane_key)) continue;
      if (step.destructive && destructiveRoom-- <= 0) continue;
      if (step.lane_key !== null) lanes.add(step.lane_key);
      chosen.push(step.id);
    }
    return chosen;
  }

  /** The cap is over all runs, so its count is taken by one dispatcher at a time. */
  private async destructiveRoom(sql: Sql): Promise<number> {
    await sql.query('select pg_advisory_xact_lock($1)', [DESTRUCTIVE_LOCK]);
    const [row] = await sql.query<{ busy: string }>(
      `select count(*) as busy from step where destructive and status in ('queued', 'running')`,
    );
    return this.outside.settings.destructiveAtOnce - Number(row?.busy ?? 0);
  }

  /** A bell that cannot be rung is rung by the sweeper later. */
  async ring(rings: readonly Ring[]): Promise<void> {
    if (rings.length === 0) return;
    try {
      await this.outside.bell.ring(rings);
    } catch (error) {
      this.outside.logger.warn({ steps: rings.length, reason: messageOf(error) }, 'cannot ring for steps; later');
    }
  }
}

async function countInFlight(sql: Sql, runId: string): Promise<number> {
  const [row] = await sql.query<{ busy: string }>(
    `select count(*) as busy from step where run_id = $1 and status in ('queued', 'running')`,
    [runId],
  );
  return Number(row?.busy ?? 0);
}

/** It is set by other calls while a pass is at work. */
const isWantedAgain = (entry: { again: boolean }) => entry.again;
