/** One row of figures: what was measured, of whom, and how it came out. */
export type Row = Record<string, string | number | null>;

export interface Goal {
  goal: string;
  value: number;
  /** The least value that meets it. */
  target: number;
  met: boolean;
}

export interface BenchResult {
  bench: string;
  /** What was done to whom, on what computer. */
  load: string;
  results: Row[];
  goals: Goal[];
}

/** A file `NAME.bench.ts` exports one as `bench`. */
export interface Bench {
  name: string;
  /** `say` tells a person how far it is; `argv` are the words after the bench's name. */
  run(say: (line: string) => void, argv: readonly string[]): Promise<Omit<BenchResult, 'bench'>>;
}

export function goal(text: string, value: number, target: number): Goal {
  return { goal: text, value: round(value), target, met: value >= target };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Three digits that count. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** `--max 10` of a command line, a whole number above 0. */
export function numberOf(argv: readonly string[], option: string, otherwise: number): number {
  const at = argv.indexOf(option);
  if (at === -1) return otherwise;
  const text = argv[at + 1] ?? '';
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Error(`cannot use ${option} ${text}: a whole number above 0`);
}
