import { messageOf, MusterError } from '../error.js';
import type { JsonObject } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import { fenceOf, FENCED, type Claim } from './claim.js';
import type { Database } from './database.js';
import { appendEvents } from './event-log.js';
import type { EngineSettings } from './outside.js';
import { SecretMask } from './secret-mask.js';
import { SupersededError } from './settle-step.js';
import type { StepContext } from './step-handler.js';
import { storable, storableJson } from './storable.js';
import { appendLog } from './step-log.js';

/** A line longer than this is stored in parts. */
const LONGEST_LINE_BYTES = 64 * 1024;
const PROGRESS_EVENT_EVERY_MS = 1000;

/** One delivery of a step as its handler sees it. Every write is conditional on the fence. */
export class Delivery implements StepContext {
  readonly runId: string;
  readonly stepId: string;
  readonly stepKey: string;
  readonly subject: { kind: string; id: string };
  readonly executionId: string;
  readonly fence: number;
  readonly attempt: number;
  readonly startedAt: Date;
  readonly takenOver: boolean;
  readonly repeatable: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  input: JsonObject = {};
  state: JsonObject;
  logOffset: number;
  lastSignAt: Date;
  /** Cancelling was asked for after this delivery began. */
  cancelling: boolean;
  private readonly aborter = new AbortController();
  private readonly secrets = new SecretMask();
  private progressToldAt = 0;

  constructor(
    private readonly outside: { database: Database; clock: Clock; settings: Pick<EngineSettings, 'logBytesPerStep'> },
    readonly claim: Claim,
  ) {
    this.runId = claim.runId;
    this.stepId = claim.stepId;
    this.stepKey = claim.key;
    this.subject = { kind: claim.subjectKind, id: claim.subjectId };
    this.executionId = claim.executionId;
    this.fence = claim.fence;
    this.attempt = claim.attempt;
    this.startedAt = claim.executionStartedAt;
    this.takenOver = claim.takenOver;
    this.repeatable = claim.repeatable;
    this.state = claim.state;
    this.logOffset = claim.logSource;
    this.lastSignAt = claim.lastSignAt;
    this.cancelling = claim.cancelling;
    this.clock = outside.clock;
    this.signal = this.aborter.signal;
  }

  abort(reason: Error): void {
    this.aborter.abort(reason);
  }

  /** Cancelling was asked for: the handler is told, and what it comes back with is delivered again, to be stopped. */
  beCancelled(): void {
    this.cancelling = true;
    this.abort(new Error('the run is being cancelled'));
  }

  /** The claim with the signs of life of this delivery. */
  present(): Claim {
    return { ...this.claim, lastSignAt: this.lastSignAt };
  }

  /** The same delivery under another signal, for the handler's `cancel`. */
  forStopping(signal: AbortSignal): StepContext {
    return Object.create(this, { signal: { value: signal } }) as StepContext;
  }

  async saveState(state: JsonObject): Promise<void> {
    const rows = await this.outside.database.query(`update step set state = $4 where ${FENCED} returning id`, [
      ...fenceOf(this.claim),
      storableJson(state),
    ]);
    this.mustHold(rows);
    this.state = state;
  }

  mask(secrets: readonly string[]): void {
    this.secrets.add(secrets);
  }

  /** What a handler says in other ways than its log: masked, and so that it can be stored. */
  masked(text: string): string {
    return this.secrets.apply(storable(text));
  }

  async log(text: string): Promise<void> {
    await this.append(this.secrets.apply(text), null);
  }

  async alive(): Promise<void> {
    const now = this.clock.now();
    const rows = await this.outside.database.query(`update step set last_sign_at = $4 where ${FENCED} returning id`, [
      ...fenceOf(this.claim),
      now,
    ]);
    this.mustHold(rows);
    this.lastSignAt = now;
  }

  async note(text: string): Promise<void> {
    await this.append(this.secrets.apply(text), null, false);
  }

  async logFrom(offset: number, bytes: Buffer, final = false): Promise<number> {
    const skip = this.logOffset - offset;
    if (skip < 0) {
      throw new MusterError('internal', `cannot continue a log at ${offset}: it is stored up to ${this.logOffset}`);
    }
    const fresh = bytes.subarray(skip);
    const whole = fresh.subarray(0, final ? fresh.length : endOfLines(fresh));
    if (whole.length === 0) return this.logOffset;
    const to = this.logOffset + whole.length;
    await this.append(this.secrets.apply(whole.toString('utf8')), { from: this.logOffset, to });
    this.logOffset = to;
    return to;
  }

  async progress(percent: number, message?: string): Promise<void> {
    const whole = Math.max(0, Math.min(100, Math.floor(Number.isFinite(percent) ? percent : 0)));
    const text = message === undefined ? null : this.masked(message.slice(0, 500));
    const now = this.clock.now();
    const rows = await this.outside.database.query(
      `update step set percent = $4, message = coalesce($5, message), last_sign_at = $6 where ${FENCED} returning id`,
      [...fenceOf(this.claim), whole, text, now],
    );
    this.mustHold(rows);
    this.lastSignAt = now;
    if (now.getTime() - this.progressToldAt < PROGRESS_EVENT_EVERY_MS) return;
    this.progressToldAt = now.getTime();
    await appendEvents(this.outside.database, now, [
      {
        kind: 'step.progress',
        message: text ?? this.claim.title,
        runId: this.runId,
        stepId: this.stepId,
        subject: this.subject,
        data: { key: this.stepKey, percent: whole },
      },
    ]);
  }

  private async append(text: string, source: { from: number; to: number } | null, isSign = true): Promise<void> {
    if (text === '') return;
    const now = this.clock.now();
    try {
      await appendLog(this.outside.database, this.claim, {
        text,
        source,
        now,
        isSign,
        capBytes: this.outside.settings.logBytesPerStep,
      });
    } catch (error) {
      if (error instanceof SupersededError) this.abort(error);
      throw error;
    }
    if (isSign) this.lastSignAt = now;
  }

  private mustHold(rows: readonly unknown[]): void {
    if (rows.length > 0) return;
    const error = new SupersededError(this.claim);
    this.abort(error);
    throw error;
  }
}

/** Up to the end of the last whole line; a line too long to wait for is cut between characters. */
function endOfLines(bytes: Buffer): number {
  const end = bytes.lastIndexOf(0x0a) + 1;
  if (end > 0 || bytes.length < LONGEST_LINE_BYTES) return end;
  let cut = bytes.length;
  // A UTF-8 continuation byte is 10xxxxxx (RFC 3629, section 3).
  while (cut > 0 && ((bytes[cut - 1] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return Math.max(1, cut - 1);
}

/** What a thrown error means for its step: what is clearly the outside's trouble is worth another try. */
export function failureOf(thrown: unknown): { failure: 'transient' | 'permanent'; reason: string; hint?: string } {
  if (thrown instanceof MusterError) {
    const transient = thrown.kind === 'unavailable' || thrown.kind === 'internal';
    return {
      failure: transient ? 'transient' : 'permanent',
      reason: thrown.message,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    };
  }
  return { failure: 'transient', reason: messageOf(thrown) };
}
