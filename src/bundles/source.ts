/** One file of a bundle: the name people know it by, and its text. */
export interface SourceFile {
  name: string;
  text: string;
}

/** A stretch of a file: offsets in UTF-16 code units, `end` exclusive. */
export interface Span {
  source: SourceFile;
  start: number;
  end: number;
}

/** A value and where it was written. */
export interface Located<T> {
  value: T;
  at: Span;
}

export interface LinePosition {
  /** Counted from 1. */
  line: number;
  /** Counted from 1, in UTF-16 code units, as editors do. */
  column: number;
  /** The whole line, without its end. */
  lineText: string;
}

const lineStarts = new WeakMap<SourceFile, number[]>();

function lineStartsOf(source: SourceFile): number[] {
  const known = lineStarts.get(source);
  if (known) return known;
  const starts = [0];
  for (let at = source.text.indexOf('\n'); at !== -1; at = source.text.indexOf('\n', at + 1)) starts.push(at + 1);
  lineStarts.set(source, starts);
  return starts;
}

/** Line, column and the line's text for an offset; an offset past the end is the end. */
export function positionOf(source: SourceFile, offset: number): LinePosition {
  const starts = lineStartsOf(source);
  const bounded = Math.min(Math.max(offset, 0), source.text.length);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= bounded) low = middle;
    else high = middle - 1;
  }
  const start = starts[low] ?? 0;
  const next = source.text.indexOf('\n', start);
  const lineText = source.text.slice(start, next === -1 ? undefined : next).replace(/\r$/, '');
  return { line: low + 1, column: bounded - start + 1, lineText };
}
