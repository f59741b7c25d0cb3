import { type ErrorKind, MusterError } from '../error.js';

/**
 * - `unreachable`: no answer; worth another try.
 * - `refused`: an answer that says no, or one that makes no sense; controllers do both while busy, so worth another try.
 * - `misconfigured`: wrong parameters or credentials; trying again only locks the account.
 * - `needs-operator`: a person has to do it.
 */
export type PowerFailure = 'unreachable' | 'refused' | 'misconfigured' | 'needs-operator';

const KINDS: Record<PowerFailure, ErrorKind> = {
  unreachable: 'unavailable',
  refused: 'unavailable',
  misconfigured: 'invalid',
  'needs-operator': 'conflict',
};

/** Why a machine's power could not be switched or read; {@link failure} says whether another try can help. */
export class PowerError extends MusterError {
  constructor(
    readonly failure: PowerFailure,
    message: string,
    options: { hint?: string; cause?: unknown } = {},
  ) {
    super(KINDS[failure], message, options);
  }

  get transient(): boolean {
    return this.failure === 'unreachable' || this.failure === 'refused';
  }
}
