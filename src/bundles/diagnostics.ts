import { positionOf, type Span } from './source.js';

/** `error` stops the compile, `notice` is something a reader should know that we do not act on. */
export type Severity = 'error' | 'warning' | 'notice';

/** One thing to say about a bundle, as plain data for people, editors and the API. */
export interface Diagnostic {
  severity: Severity;
  message: string;
  /** What was expected, or what to do: stands after the caret. */
  hint: string | null;
  file: string;
  /** Line and column count from 1. */
  line: number;
  column: number;
  /** How many characters of the line are meant; at least 1. */
  length: number;
  lineText: string;
}

/** Longer lines are cut around the caret, so that a hostile file cannot flood a terminal. */
const SHOWN_LINE_LENGTH = 160;

/** More than anyone reads, and few enough that a hostile bundle gets a bounded answer. */
export const MAX_DIAGNOSTICS = 200;
const MAX_MESSAGE_LENGTH = 400;

/** What was expected; a function is asked only where it is told. */
type Hint = string | null | (() => string);

/** Gathers the problems of one bundle, so that all are told at once. */
export class Diagnostics {
  private readonly gathered: Diagnostic[] = [];
  private errors = 0;
  private untold = 0;

  error(at: Span, message: string, hint: Hint = null): void {
    this.errors++;
    this.add('error', at, message, hint);
  }

  notice(at: Span, message: string, hint: Hint = null): void {
    this.add('notice', at, message, hint);
  }

  private add(severity: Severity, at: Span, message: string, hint: Hint): void {
    if (this.gathered.length >= MAX_DIAGNOSTICS) {
      this.untold++;
      return;
    }
    const { line, column, lineText } = positionOf(at.source, at.start);
    const room = Math.max(1, lineText.length - column + 1);
    const length = Math.min(Math.max(1, at.end - at.start), room);
    const told = typeof hint === 'function' ? hint() : hint;
    this.gathered.push({
      ...{ severity, message: bounded(message), hint: told === null ? null : bounded(told) },
      ...{ file: at.source.name, line, column, length, lineText },
    });
  }

  hasErrors(): boolean {
    return this.errors > 0;
  }

  /** In the order of the files and lines they are about; the same one is told once. */
  list(): Diagnostic[] {
    const told = this.inOrder();
    const last = told.at(-1);
    if (this.untold === 0 || last === undefined) return told;
    const severity = this.errors > 0 ? 'error' : 'notice';
    return [...told, { ...last, severity, message: `and ${this.untold} more`, hint: null }];
  }

  private inOrder(): Diagnostic[] {
    const files = [...new Set(this.gathered.map((diagnostic) => diagnostic.file))];
    const seen = new Set<string>();
    return this.gathered
      .filter((diagnostic) => {
        const key = `${diagnostic.file}\n${diagnostic.line}\n${diagnostic.column}\n${diagnostic.message}`;
        return !seen.has(key) && Boolean(seen.add(key));
      })
      .sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column);
  }
}

function bounded(text: string): string {
  return text.length <= MAX_MESSAGE_LENGTH ? text : `${text.slice(0, MAX_MESSAGE_LENGTH)}…`;
}

/** True where at least one of them stops the compile. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

/**
 * The diagnostic as people read it:
 *
 *     bundle.yaml:12:11  unknown role "etdc"
 *       12 |     role: etdc
 *          |           ^^^^ did you mean "etcd"?
 */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, column, severity, message, hint } = diagnostic;
  const said = severity === 'error' ? message : `${severity}: ${message}`;
  const { text, caretAt, caretLength } = shownLine(diagnostic);
  const gutter = ' '.repeat(String(line).length);
  const caret = `${' '.repeat(caretAt)}${'^'.repeat(caretLength)}${hint === null ? '' : ` ${hint}`}`;
  return `${printable(file)}:${line}:${column}  ${printable(said)}\n  ${line} | ${text}\n  ${gutter} | ${printable(caret)}`;
}

export function formatDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics.map(formatDiagnostic).join('\n');
}

function shownLine(diagnostic: Diagnostic): { text: string; caretAt: number; caretLength: number } {
  const { lineText, column, length } = diagnostic;
  const from = lineText.length <= SHOWN_LINE_LENGTH ? 0 : Math.max(0, column - 1 - SHOWN_LINE_LENGTH / 2);
  const text = printable(lineText.slice(from, from + SHOWN_LINE_LENGTH));
  const caretAt = column - 1 - from;
  return { text, caretAt, caretLength: Math.max(1, Math.min(length, text.length - caretAt)) };
}

/** Control characters of a hostile file must not reach a terminal; each becomes one `?`, so that carets still fit. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === '\t' ? ' ' : '?',
  );
}
