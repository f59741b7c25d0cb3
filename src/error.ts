/** What a caller can do about an error; the API maps each to one HTTP status. */
export type ErrorKind =
  | 'invalid' // the request is wrong; sending it again will not help
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'conflict' // right in itself, but not in the present state
  | 'unavailable' // try again later
  | 'internal';

export interface ErrorDetail {
  /** Where, in the caller's own terms: a JSON path, or `file:line:column`. */
  at?: string;
  message: string;
}

/**
 * The one base class. Messages begin with "cannot", carry the values, and keep the cause. A hint says what to do next.
 */
export class MusterError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly details: readonly ErrorDetail[];

  constructor(
    kind: ErrorKind,
    message: string,
    options: { hint?: string; details?: readonly ErrorDetail[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.kind = kind;
    this.hint = options.hint;
    this.details = options.details ?? [];
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
