import type { JsonObject, JsonValue } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';

/** What one delivery of an attempt came to. */
export type StepOutcome =
  | {
      kind: 'done';
      /** Published values; later steps refer to them by `outputOf(step, name)`. */
      outputs?: Record<string, JsonValue>;
      /** Encrypted at rest, masked in logs; referred to in the same way. */
      secretOutputs?: Record<string, string>;
      /** Why there was nothing to do, where that is so. */
      note?: string;
      exitCode?: number;
    }
  | {
      /** Not finished: deliver again after this long. No job is held open meanwhile. */
      kind: 'again';
      afterMs: number;
    }
  | {
      kind: 'failed';
      failure: FailureKind;
      reason: string;
      /** What to do next. */
      hint?: string;
      exitCode?: number;
    };

/** transient: tried again, up to the step's limit. permanent: stops at once. needs-operator: waits for a person. */
export type FailureKind = 'transient' | 'permanent' | 'needs-operator';

/** What a handler is given. All writes through it are refused once another worker has taken the execution over. */
export interface StepContext {
  readonly runId: string;
  readonly stepId: string;
  readonly stepKey: string;
  /** What the run is about: `machine` or `deployment`, and its id. */
  readonly subject: { kind: string; id: string };
  /** Kept over redeliveries, takeovers and automatic retries; only a deliberate retry makes a new one. */
  readonly executionId: string;
  /** Higher at every delivery. What acts outside carries it, and refuses lower ones. */
  readonly fence: number;
  /** Counted from 1 over the whole life of the step. */
  readonly attempt: number;
  /** When this execution began. */
  readonly startedAt: Date;
  /** The last delivery ended without a word: its worker died, or was superseded. What it did is not known. */
  readonly takenOver: boolean;
  readonly repeatable: boolean;
  /** The step's input with its output references filled in. */
  readonly input: JsonObject;
  /** The handler's own notes, kept between deliveries of one execution. */
  readonly state: JsonObject;
  readonly clock: Clock;
  /** Aborts on cancel, on takeover, at the step's time limit and when this process stops. */
  readonly signal: AbortSignal;
  /** Stores the handler's notes now, conditional on the fence. */
  saveState(state: JsonObject): Promise<void>;
  /** Appends whole lines to the step's log; counts as a sign of life. */
  log(text: string): Promise<void>;
  /** A sign of life and nothing else: for steps whose work is to wait. */
  alive(): Promise<void>;
  /** Appends to the log without counting as a sign of life: "the node does not answer". */
  note(text: string): Promise<void>;
  /** How many bytes of the step's log elsewhere (on the node, at the agent) are stored already. */
  readonly logOffset: number;
  /**
   * Copies a log that grows elsewhere: `bytes` are its content from `offset` on. What is stored already is left out,
   * so it may be called with the same bytes again. Returns the offset to go on from; a last line without its end is
   * left for the next call, unless `final`.
   */
  logFrom(offset: number, bytes: Buffer, final?: boolean): Promise<number>;
  /** Masks these values in everything that this delivery logs from now on. */
  mask(secrets: readonly string[]): void;
  /** Marks progress (0 to 100) and what is being done; counts as a sign of life. */
  progress(percent: number, message?: string): Promise<void>;
}

/** Runs the steps of one kind. `run` must return within seconds: a long step starts, returns `again`, and polls. */
export interface StepHandler {
  readonly kind: string;
  /**
   * True where `run`, called again for an execution whose worker died or lost Postgres in the middle, finds out by
   * itself what was done before. Without it, a step that is not repeatable stops for the operator, or fails, then.
   */
  readonly resumable?: boolean;
  run(context: StepContext): Promise<StepOutcome>;
  /** Called when the step is cancelled, stalls or runs out of time: stop what was started. May be called again. */
  cancel?(context: StepContext): Promise<void>;
}
