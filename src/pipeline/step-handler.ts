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
    }
  | {
      /** Not finished: deliver again after this long. No job is held open meanwhile. */
      kind: 'again';
      afterMs: number;
    }
  | {
      kind: 'failed';
      failure: 'transient' | 'permanent' | 'needs-operator';
      reason: string;
      /** What to do next. */
      hint?: string;
    };

/** What a handler is given. All writes through it are refused once another worker has taken the execution over. */
export interface StepContext {
  readonly runId: string;
  readonly stepId: string;
  readonly stepKey: string;
  /** What the run is about: `machine` or `deployment`, and its id. */
  readonly subject: { kind: string; id: string };
  /** Kept over redeliveries and takeovers; only a deliberate retry makes a new one. */
  readonly executionId: string;
  readonly fence: number;
  /** Counted from 1 over the whole life of the step. */
  readonly attempt: number;
  /** When this execution began. */
  readonly startedAt: Date;
  /** The step's input with its output references filled in. */
  readonly input: JsonObject;
  /** The handler's own notes, kept between deliveries of one execution. */
  readonly state: JsonObject;
  readonly clock: Clock;
  /** Aborts on cancel, on takeover and when this process stops. */
  readonly signal: AbortSignal;
  /** Stores the handler's notes now, conditional on the fence. */
  saveState(state: JsonObject): Promise<void>;
  /** Appends to the step's log; counts as a sign of life. */
  log(text: string): Promise<void>;
  /** Marks progress (0 to 100) and what is being done; counts as a sign of life. */
  progress(percent: number, message?: string): Promise<void>;
}

/** Runs the steps of one kind. `run` must return within seconds: a long step starts, returns `again`, and polls. */
export interface StepHandler {
  readonly kind: string;
  run(context: StepContext): Promise<StepOutcome>;
  /** Called once when a run is cancelled while this step was in flight: stop what was started. */
  cancel?(context: StepContext): Promise<void>;
}
