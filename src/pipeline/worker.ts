import { setMaxListeners } from 'node:events';
import { messageOf } from '../error.js';
import { isLostConnection } from '../platform/database/index.js';
import { claimStep, renewLeases, type Claim } from './claim.js';
import { isRefusal, type Sql } from './database.js';
import { Delivery, failureOf } from './delivery.js';
import type { Dispatcher } from './dispatcher.js';
import type { HandlerRegistry } from './handler-registry.js';
import type { Outside } from './outside.js';
import { settleStep, SupersededError, type Verdict } from './settle-step.js';
import type { StepHandler, StepOutcome } from './step-handler.js';
import { resolveInput } from './step-outputs.js';
import { findUnstorable } from './storable.js';
import type { SubjectRegistry } from './subject-registry.js';
import { deadlineOf, decideVerdict } from './verdict.js';

/** A handler that was told to stop has this long to come back before its word no longer counts. */
const LEAVE_MS = 5000;
/** Bounds the stopping of what a step started on its node. */
const CANCEL_MS = 30_000;
const CANCEL_TRIES = 3;
/** A verdict that Postgres refused so often is given up: it would be refused for ever. */
const REFUSALS = 3;
/** Postgres went away in the middle: so long, and the step is delivered again. */
const LOST_MS = 500;

/** Takes deliveries: claims the step, runs its handler, writes what came of it. */
export class StepWorker {
  private readonly deliveries = new Set<Delivery>();
  private readonly stopped = new AbortController();
  private heart: Promise<void> | null = null;

  constructor(
    private readonly outside: Outside,
    private readonly handlers: HandlerRegistry,
    private readonly dispatcher: Dispatcher,
    private readonly subjects: SubjectRegistry,
    /** Tells this worker from others in leases and attempts. */
    readonly name: string,
  ) {
    // Every delivery may wait on it.
    setMaxListeners(0, this.stopped.signal);
  }

  /** Begins to keep the leases of what this worker has in hand. */
  start(): void {
    this.heart = this.beat();
  }

  /** Takes no more, lets go of what is in hand: others take it over at once. */
  async stop(): Promise<void> {
    this.stopped.abort(new Error('this worker stops'));
    for (const delivery of this.deliveries) delivery.abort(new Error('this worker stops'));
    const { clock } = this.outside;
    for (let waited = 0; waited < LEAVE_MS && this.deliveries.size > 0; waited += 20) await clock.sleep(20);
    await this.heart;
  }

  /** One bell. Never throws: what cannot be done now, the sweeper brings back. */
  async deliver(stepId: string): Promise<void> {
    if (this.stopped.signal.aborted) return;
    try {
      const claim = await this.claim(stepId);
      if (claim !== null) await this.work(claim);
    } catch (error) {
      if (error instanceof SupersededError) return;
      this.outside.logger.warn({ step: stepId, reason: messageOf(error) }, 'a delivery came to nothing');
    }
  }

  private claim(stepId: string): Promise<Claim | null> {
    const now = this.outside.clock.now();
    return claimStep(this.outside.database, {
      stepId,
      worker: this.name,
      now,
      leaseUntil: this.leaseFrom(now),
      newExecutionId: this.outside.random.uuid(),
    });
  }

  private leaseFrom(now: Date): Date {
    return new Date(now.getTime() + this.outside.settings.leaseSeconds * 1000);
  }

  private async work(claim: Claim): Promise<void> {
    const delivery = new Delivery(this.outside, claim);
    this.deliveries.add(delivery);
    try {
      const verdict = await this.verdictOf(delivery);
      await this.settle(delivery, verdict);
    } finally {
      this.deliveries.delete(delivery);
    }
  }

  private async verdictOf(delivery: Delivery): Promise<Verdict> {
    const handler = this.handlers.find(delivery.claim.kind);
    if (handler === null) return this.decide(delivery, noHandler(delivery.claim.kind));
    const isInterrupted = delivery.takenOver && !mayGoOn(delivery, handler);
    try {
      const resolved = await resolveInput(
        this.outside.database,
        this.outside.secrets,
        delivery.runId,
        delivery.claim.input,
      );
      delivery.input = resolved.input;
      delivery.mask(resolved.secrets);
    } catch (error) {
      if (!isLostConnection(error)) return this.decide(delivery, { kind: 'failed', ...failureOf(error) });
      // The next delivery would not know that this one took the step over, and would begin it again.
      return this.decide(delivery, isInterrupted && !delivery.claim.cancelling ? INTERRUPTED : LATER);
    }
    if (delivery.claim.cancelling) return this.cancel(delivery, handler);
    if (isInterrupted) return this.decide(delivery, INTERRUPTED);
    const deadline = deadlineOf(delivery.claim);
    if (deadline.at <= this.outside.clock.now()) return this.overdue(delivery, handler, deadline.reason);
    const outcome = await this.run(delivery, handler);
    if (outcome === 'overdue') return this.overdue(delivery, handler, deadlineOf(delivery.present()).reason);
    if (outcome.kind === 'again' && delivery.cancelling) return this.decide(delivery, { kind: 'again', afterMs: 0 });
    return this.decide(delivery, outcome);
  }

  private decide(delivery: Delivery, outcome: StepOutcome): Verdict {
    return decideVerdict({
      claim: delivery.claim,
      outcome: storableOutcome(outcome, (text) => delivery.masked(text)),
      now: this.outside.clock.now(),
      lastSignAt: delivery.lastSignAt,
      cancelling: delivery.cancelling,
      settings: this.outside.settings,
      random: this.outside.random,
    });
  }

  /** Runs the handler until it comes back, or is told to stop and has had its time to leave. */
  private async run(delivery: Delivery, handler: StepHandler): Promise<StepOutcome | 'overdue'> {
    const running = handler.run(delivery).then(
      (outcome): StepOutcome => outcome,
      (error: unknown): StepOutcome => {
        if (error instanceof SupersededError) throw error;
        // What breaks because it was told to stop has not failed: it is delivered again.
        if (delivery.signal.aborted) return { kind: 'again', afterMs: 0 };
        if (isLostConnection(error) && mayGoOn(delivery, handler)) return LATER;
        return { kind: 'failed', ...failureOf(error) };
      },
    );
    const ended = new AbortController();
    const watch = this.watchDeadline(delivery, ended.signal);
    try {
      return await Promise.race([running, watch]);
    } finally {
      ended.abort();
      running.catch(() => undefined);
    }
  }

  /** Resolves only when the delivery has overstayed its deadline, or was told to stop and did not leave. */
  private async watchDeadline(delivery: Delivery, ended: AbortSignal): Promise<StepOutcome | 'overdue'> {
    const { clock } = this.outside;
    try {
      for (;;) {
        const left = deadlineOf(delivery.present()).at.getTime() - clock.now().getTime();
        if (left <= 0) break;
        await this.sleepUnlessAborted(left, delivery.signal, ended);
        if (delivery.signal.aborted) {
          await clock.sleep(LEAVE_MS, ended);
          return { kind: 'again', afterMs: 0 };
        }
      }
      delivery.abort(new Error(deadlineOf(delivery.present()).reason));
      await clock.sleep(LEAVE_MS, ended);
      return 'overdue';
    } catch {
      // The handler came back first; nobody waits for this.
      return new Promise(() => undefined);
    }
  }

  private async sleepUnlessAborted(ms: number, aborted: AbortSignal, ended: AbortSignal): Promise<void> {
    await this.outside.clock.sleep(ms, AbortSignal.any([aborted, ended])).catch((error: unknown) => {
      if (ended.aborted) throw error;
    });
  }

  private async overdue(delivery: Delivery, handler: StepHandler, reason: string): Promise<Verdict> {
    const stopped = await this.stopWork(delivery, handler);
    const suffix = stopped === null ? '' : ` (and could not be stopped: ${stopped})`;
    return this.decide(delivery, { kind: 'failed', failure: 'transient', reason: `${reason}${suffix}` });
  }

  private async cancel(delivery: Delivery, handler: StepHandler): Promise<Verdict> {
    const problem = await this.stopWork(delivery, handler);
    if (problem === null) return { kind: 'cancelled', reason: null };
    if (delivery.claim.cancelTries + 1 >= CANCEL_TRIES) {
      return { kind: 'cancelled', reason: `it could not be stopped and may go on: ${problem}` };
    }
    await this.outside.database.query('update step set cancel_tries = cancel_tries + 1 where id = $1', [
      delivery.stepId,
    ]);
    const now = this.outside.clock.now();
    return { kind: 'again', notBefore: now, ringAt: new Date(now.getTime() + 2000) };
  }

  /** Null where it worked; otherwise why not. */
  private async stopWork(delivery: Delivery, handler: StepHandler): Promise<string | null> {
    if (handler.cancel === undefined) return null;
    // The delivery's own signal is aborted already where its time ran out; stopping needs one of its own.
    const bound = new AbortController();
    const timer = this.outside.clock
      .sleep(CANCEL_MS, bound.signal)
      .then(() => `no answer within ${CANCEL_MS / 1000} s`)
      .catch(() => '');
    const stopping = handler.cancel(delivery.forStopping(bound.signal)).then(
      () => null,
      (error: unknown) => {
        if (error instanceof SupersededError) throw error;
        return delivery.masked(messageOf(error));
      },
    );
    stopping.catch(() => undefined);
    try {
      return await Promise.race([stopping, timer]);
    } finally {
      bound.abort();
    }
  }

  private async settle(delivery: Delivery, decided: Verdict): Promise<void> {
    const { clock, database, secrets } = this.outside;
    let verdict = decided;
    let refusals = 0;
    const write = () =>
      database.transaction(async (sql) => {
        const delivered = await settleStep(sql, delivery.claim, verdict, clock.now(), secrets);
        // An owner that cannot take the plain failure either must not keep its run from ending.
        if (verdict.kind !== 'again' && refusals < 2 * REFUSALS)
          await this.tellOwner(sql, delivery, verdict.kind === 'succeeded');
        return delivered;
      });
    const next = await this.persistently(write, (error) => {
      refusals += 1;
      if (refusals === REFUSALS) verdict = this.decide(delivery, refused(error));
    });
    this.deliveries.delete(delivery);
    if (next !== null && 'notBefore' in verdict) {
      const delayMs = Math.max(0, verdict.notBefore.getTime() - clock.now().getTime());
      await this.dispatcher.ring([{ stepId: delivery.stepId, delivery: next, delayMs }]);
      return;
    }
    await this.dispatcher.dispatch(delivery.runId);
  }

  private async tellOwner(sql: Sql, delivery: Delivery, succeeded: boolean): Promise<void> {
    const { claim } = delivery;
    const { subjectId, runId, stepId, key, kind, input } = claim;
    const step = { subjectId, runId, stepId, key, kind, input, resolved: delivery.input };
    const owner = this.subjects.find(claim.subjectKind);
    await (succeeded ? owner?.stepSucceeded?.(sql.manager, step) : owner?.stepStopped?.(sql.manager, step));
  }

  /**
   * What a handler did must not be forgotten because Postgres is away: the verdict is written when it is back, unless
   * somebody took the step over. `onRefusal` hears when Postgres is there and will not take it.
   */
  private async persistently<Result>(
    write: () => Promise<Result>,
    onRefusal: (error: unknown) => void,
  ): Promise<Result> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (error instanceof SupersededError || this.stopped.signal.aborted) throw error;
        this.outside.logger.warn({ reason: messageOf(error) }, 'cannot write what came of a step; again soon');
        if (isRefusal(error)) onRefusal(error);
        await this.outside.clock.sleep(250, this.stopped.signal).catch(() => undefined);
      }
    }
  }

  /** Renews all leases in one statement, three times a lease; tells handlers that lost theirs, or are cancelled. */
  private async beat(): Promise<void> {
    const { clock, settings } = this.outside;
    const everyMs = Math.min(1000, (settings.leaseSeconds * 1000) / 3);
    while (!this.stopped.signal.aborted) {
      await clock.sleep(everyMs, this.stopped.signal).catch(() => undefined);
      const present = [...this.deliveries];
      if (present.length > 0) await this.renew(present);
    }
  }

  private async renew(present: readonly Delivery[]): Promise<void> {
    try {
      const claims = present.map((delivery) => delivery.claim);
      const kept = await renewLeases(this.outside.database, claims, this.leaseFrom(this.outside.clock.now()));
      for (const delivery of present) {
        const state = kept.get(delivery.stepId);
        if (!this.deliveries.has(delivery)) continue;
        if (state === undefined) delivery.abort(new SupersededError(delivery.claim));
        else if (state.cancelling && !delivery.cancelling) delivery.beCancelled();
      }
    } catch (error) {
      this.outside.logger.warn({ reason: messageOf(error) }, 'cannot renew leases; others may take over');
    }
  }
}

const LATER: StepOutcome = { kind: 'again', afterMs: LOST_MS };

/** Called once more after an end that nobody knows, the handler does nothing twice that may not be done twice. */
const mayGoOn = (delivery: Delivery, handler: StepHandler) => delivery.repeatable || handler.resumable === true;

const noHandler = (kind: string): StepOutcome => ({
  kind: 'failed',
  failure: 'permanent',
  reason: `cannot run a step of the kind "${kind}": this worker has no handler for it`,
  hint: 'run the same version of muster on every worker',
});

const INTERRUPTED: StepOutcome = {
  kind: 'failed',
  failure: 'needs-operator',
  reason: 'interrupted: its worker died in the middle, and the step may not be repeated',
  hint: 'look what it has done; then retry the step, or skip it',
};

const refused = (error: unknown): StepOutcome => ({
  kind: 'failed',
  failure: 'permanent',
  reason: `cannot store what came of the step: ${messageOf(error)}`,
  hint: 'look what it has done; then retry the step, or skip it',
});

/** What a step says is mended where Postgres cannot hold it; what it publishes others rely on, and is refused. */
function storableOutcome(outcome: StepOutcome, clean: (text: string) => string): StepOutcome {
  if (outcome.kind === 'again') return outcome;
  if (outcome.kind === 'failed') {
    const hint = outcome.hint === undefined ? {} : { hint: clean(outcome.hint) };
    return { ...outcome, ...hint, reason: clean(outcome.reason).slice(0, 4000) };
  }
  const name = findUnstorable(outcome.outputs ?? {});
  if (name === null) return outcome.note === undefined ? outcome : { ...outcome, note: clean(outcome.note) };
  const reason = `cannot store what the step published: "${clean(name)}" holds a NUL or half of a surrogate pair`;
  return { kind: 'failed', failure: 'permanent', reason };
}
