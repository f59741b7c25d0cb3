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
  /** `say` tells a person how far it is. */
  run(say: (line: string) => void): Promise<Omit<BenchResult, 'bench'>>;
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
