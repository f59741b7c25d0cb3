import { CommanderError } from 'commander';

/** What the exit code of a command says; documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  refused: 4,
  unreachable: 5,
  unauthenticated: 6,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message, a hint and an exit code. */
export class CliError extends Error {
  constructor(
    readonly code: ExitCode,
    message: string,
    readonly hint?: string,
    readonly details: readonly { at?: string; message: string }[] = [],
  ) {
    super(message);
  }
}

/** Errors of other rooms carry a kind; the CLI reads it without knowing their class. */
const CODES_BY_KIND: Record<string, ExitCode> = {
  invalid: EXIT.usage,
  unauthenticated: EXIT.unauthenticated,
  forbidden: EXIT.refused,
  'not-found': EXIT.notFound,
  conflict: EXIT.refused,
  unavailable: EXIT.unreachable,
  internal: EXIT.failed,
};

export function codeOfKind(kind: string): ExitCode {
  return CODES_BY_KIND[kind] ?? EXIT.failed;
}

export function codeOf(error: unknown): ExitCode {
  if (error instanceof CliError) return error.code;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Error && 'kind' in error && typeof error.kind === 'string') return codeOfKind(error.kind);
  return EXIT.failed;
}
