import { messageOf } from '../error.js';
import type { Dispatcher } from './dispatcher.js';
import { numberEvents } from './event-log.js';
import type { Outside } from './outside.js';
import { recountPredecessors } from './settle-run.js';

const LONGEST_RING_MS = 60_000;
const RECOUNT_EVERY_MS = 30_000;
const CLEAN_EVERY_MS = 3_600_000;
const CLEAN_AT_ONCE = 500;

/**
 * Repairs from Postgres alone, every second: rings for steps whose bell was lost or whose lease ran out, dispatches in
 * runs where something is ready or nothing is in flight, numbers events, and forgets old logs. Any number of sweepers
 * may run: all they do is conditional.
 */
export class Sweeper {
  private readonly stopped = new AbortController();
  private loop: Promise<void> | null = null;
  private readonly grace = { rounds: 0 };
  private recountedAt = 0;
  private cleanedAt = 0;

  constructor(
    private readonly outside: Outside,
    private readonly dispatcher: Dispatcher,
  ) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopped.abort(new Error('the sweeper stops'));
    await this.loop;
  }

  private async run(): Promise<void> {
    const { clock, settings, logger } = this.outside;
    while (!this.stopped.signal.aborted) {
      await this.sweep().catch((error: unknown) => {
        this.grace.rounds = 1;
        logger.warn({ reason: messageOf(error) }, 'cannot sweep now; again in a second');
      });
      await clock.sleep(settings.sweepMs, this.stopped.signal).catch(() => undefined);
    }
  }

  /** One round. Throws when Postgres cannot be reached. */
  async sweep(): Promise<void> {
    // When Postgres comes back, workers whose leases ran out meanwhile have a round's time to write what they know.
    if (this.grace.rounds > 0) this.grace.rounds -= 1;
    else await this.ringAgain();
    await this.dispatchOpenRuns();
    await this.promoteQueued();
    await numberEvents(this.outside.database);
    await this.clean();
  }

  /** Ringing twice is harmless: a step is taken once. The wait doubles, lest a busy queue fill with bells. */
  private async ringAgain(): Promise<void> {
    const now = this.outside.clock.now();
    const rows = await this.outside.database.query<{ id: string; delivery: number }>(
      `with late as (
         select id from step where status in ('queued', 'running') and ring_at <= $1
         order by ring_at limit 1000 for update skip locked)
       update step set delivery = delivery + 1, rings = rings + 1,
         ring_at = $1 + least($2 * power(2, rings), $3) * interval '1 millisecond'
       from late where step.id = late.id returning step.id, step.delivery`,
      [now, this.outside.settings.ringAgainMs, LONGEST_RING_MS],
    );
    await this.dispatcher.ring(rows.map((row) => ({ stepId: row.id, delivery: row.delivery, delayMs: 0 })));
  }

  private async dispatchOpenRuns(): Promise<void> {
    const { clock, database } = this.outside;
    const now = clock.now().getTime();
    const all = now - this.recountedAt >= RECOUNT_EVERY_MS;
    if (all) this.recountedAt = now;
    const runs = await database.query<{ id: string }>(
      `select id from run where (status = 'running' or (status = 'paused' and cancelling)) and ($1
         or exists (select 1 from step where run_id = run.id and status = 'ready')
         or not exists (select 1 from step where run_id = run.id and status in ('queued', 'running')))
       or status = 'paused' and not exists (
         select 1 from step where run_id = run.id and status in ('queued', 'running', 'ready', 'needs-operator'))
       order by created_at`,
      [all],
    );
    for (const run of runs) {
      if (all) await database.transaction((sql) => recountPredecessors(sql, run.id));
      await this.dispatcher.dispatch(run.id);
    }
  }

  private async promoteQueued(): Promise<void> {
    const subjects = await this.outside.database.query<{ kind: string; id: string }>(
      `select distinct subject_kind as kind, subject_id as id from run where status = 'queued'
         and not exists (select 1 from run as busy where busy.subject_kind = run.subject_kind
           and busy.subject_id = run.subject_id and busy.mutating and busy.status in ('running', 'paused'))`,
    );
    for (const subject of subjects) await this.dispatcher.promote(subject);
  }

  /** Logs and events of runs that ended long ago go, some at a time; runs, steps and attempts stay. */
  private async clean(): Promise<void> {
    const { clock, database, settings } = this.outside;
    const now = clock.now().getTime();
    if (now - this.cleanedAt < CLEAN_EVERY_MS) return;
    this.cleanedAt = now;
    const before = new Date(now - settings.retentionDays * 86_400_000);
    await database.query(
      `delete from log_chunk where step_id in (
         select step.id from step join run on run.id = step.run_id
         where run.finished_at < $1 and exists (select 1 from log_chunk where step_id = step.id) limit $2)`,
      [before, CLEAN_AT_ONCE],
    );
    await database.query(
      `delete from event where id in (
         select id from event where at < $1 and number < (select max(number) from event) order by id limit $2)`,
      [before, CLEAN_AT_ONCE * 10],
    );
  }
}
