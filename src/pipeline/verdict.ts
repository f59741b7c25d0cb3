import type { Claim } from './claim.js';
import { backOffMs } from './back-off.js';
import type { EngineSettings } from './outside.js';
import type { PublishedOutput, Verdict } from './settle-step.js';
import type { StepOutcome } from './step-handler.js';

/** How long after a delayed job's time the sweeper believes that it was lost. */
const GRACE_MS = 1500;

/** When an attempt must be over: by its time-out, or earlier if it shows no sign of life. */
export function deadlineOf(claim: Pick<Claim, 'attemptStartedAt' | 'lastSignAt' | 'timeoutSeconds' | 'stallSeconds'>): {
  at: Date;
  reason: string;
} {
  const timeout = claim.attemptStartedAt.getTime() + claim.timeoutSeconds * 1000;
  const stall = claim.lastSignAt.getTime() + claim.stallSeconds * 1000;
  return stall < timeout
    ? { at: new Date(stall), reason: `stalled: no output and no progress for ${claim.stallSeconds} s` }
    : { at: new Date(timeout), reason: `timed out after ${claim.timeoutSeconds} s` };
}

export interface VerdictInput {
  claim: Claim;
  outcome: StepOutcome;
  now: Date;
  /** The last sign of life, this delivery's own included. */
  lastSignAt: Date;
  /** Cancelling was asked for while the delivery ran. */
  cancelling: boolean;
  settings: Pick<EngineSettings, 'backOffMs' | 'backOffMaxMs'>;
  random: { fraction(): number; uuid(): string };
}

/** What a handler's outcome means for the step: the whole policy of retries, in one place. */
export function decideVerdict(input: VerdictInput): Verdict {
  const { claim, outcome, now } = input;
  switch (outcome.kind) {
    case 'done':
      return {
        kind: 'succeeded',
        note: outcome.note ?? null,
        exitCode: outcome.exitCode ?? null,
        outputs: outputsOf(outcome, input.random),
      };
    case 'again': {
      const wanted = now.getTime() + (input.cancelling ? 0 : Math.max(0, outcome.afterMs));
      // The attempt's own end comes first: that delivery will say that it is over.
      const deadline = deadlineOf({ ...claim, lastSignAt: input.lastSignAt }).at.getTime();
      return { kind: 'again', ...timesFor(Math.max(now.getTime(), Math.min(wanted, deadline))) };
    }
    case 'failed': {
      const exitCode = outcome.exitCode ?? null;
      if (outcome.failure === 'transient' && claim.failures < claim.retries && !input.cancelling) {
        const bounds = { firstMs: input.settings.backOffMs, mostMs: input.settings.backOffMaxMs };
        const wait = backOffMs(claim.failures + 1, bounds, input.random.fraction());
        return { kind: 'retry', ...timesFor(now.getTime() + wait), reason: outcome.reason, exitCode };
      }
      return {
        kind: 'failed',
        failure: outcome.failure,
        reason: outcome.reason,
        hint: outcome.hint ?? null,
        exitCode,
        leftOut: claim.mayFail && !input.cancelling,
      };
    }
  }
}

const timesFor = (ms: number) => ({ notBefore: new Date(ms), ringAt: new Date(ms + GRACE_MS) });

function outputsOf(outcome: Extract<StepOutcome, { kind: 'done' }>, random: { uuid(): string }): PublishedOutput[] {
  const secret = Object.entries(outcome.secretOutputs ?? {});
  const secretNames = new Set(secret.map(([name]) => name));
  const open = Object.entries(outcome.outputs ?? {}).filter(([name]) => !secretNames.has(name));
  return [
    ...open.map(([name, value]) => ({ id: random.uuid(), name, value })),
    ...secret.map(([name, value]) => ({ id: random.uuid(), name, secret: value })),
  ];
}
