import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { BenchResult, Row } from './bench.js';

/** Markdown: the figures, then the goals with their shortfalls as they are. */
export function markdownOf(result: BenchResult): string {
  const goals = result.goals.map(({ goal, value, target, met }) => ({
    goal,
    value,
    target: `at least ${target}`,
    met: met ? 'yes' : '**no**',
  }));
  return `${result.load}\n\n${tableOf(result.results)}\n\n${tableOf(goals)}\n`;
}

function tableOf(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => cellOf(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, 3, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) => `| ${texts.map((text, at) => text.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  return [line(columns), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

/** Sums of tenths have tails that say nothing. */
function cellOf(value: Row[string] | undefined): string {
  return typeof value === 'number' && !Number.isInteger(value)
    ? `${Number(value.toPrecision(6))}`
    : String(value ?? '');
}

/** Puts a bench's tables between its markers in a page; adds the section where there is none. */
export function writeInto(page: string, result: BenchResult): void {
  const begin = `<!-- bench:${result.bench} -->`;
  const end = `<!-- /bench:${result.bench} -->`;
  const section = `${begin}\n\n${markdownOf(result)}\n${end}`;
  const text = existsSync(page)
    ? readFileSync(page, 'utf8')
    : '# Benchmarks\n\nWritten by `npm run bench -- NAME --write`.\n';
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  const next =
    from === -1 || to === -1
      ? `${text.trimEnd()}\n\n## ${result.bench}\n\n${section}\n`
      : text.slice(0, from) + section + text.slice(to + end.length);
  writeFileSync(page, next);
}
