import { MusterError } from '../error.js';
import { PowerError } from '../power/index.js';
import type { StepOutcome } from '../pipeline/index.js';

type Failed = Extract<StepOutcome, { kind: 'failed' }>;

/** What an error of a power driver means for a step. Anything else is not expected and goes on up. */
export function failureOf(error: unknown): Failed {
  if (error instanceof PowerError) {
    const failure = error.transient ? 'transient' : error.failure === 'needs-operator' ? 'needs-operator' : 'permanent';
    return { kind: 'failed', failure, reason: error.message, hint: error.hint };
  }
  if (error instanceof MusterError && error.kind === 'conflict')
    return { kind: 'failed', failure: 'permanent', reason: error.message, hint: error.hint };
  throw error;
}
