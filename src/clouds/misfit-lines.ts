import { MusterError } from '../error.js';

/** What was looked at and why it does not fit, from the error of who looked. */
export function linesOf(error: unknown): string[] {
  if (!(error instanceof MusterError)) return [];
  return error.details.map(({ at, message }) => (at === undefined ? message : `${at}: ${message}`));
}
