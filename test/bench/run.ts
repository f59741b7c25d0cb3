import 'reflect-metadata';
import { existsSync, readdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import type { Bench, BenchResult } from './bench.js';
import { markdownOf, writeInto } from './report.js';

/**
 * `npm run bench -- NAME [--assert] [--write]`: runs `NAME.bench.ts`. The last line is one JSON object. `--assert` ends
 * with 1 when a goal is missed, `--write` puts the tables into docs/benchmarks.md. `kubernetes` takes `--rounds N`, `density`
 * `--max N` nodes and `--minutes N`.
 */
async function main(argv: readonly string[]): Promise<number> {
  const name = argv.find((argument) => !argument.startsWith('-'));
  const file = join(import.meta.dirname, `${name ?? ''}.bench.ts`);
  if (name === undefined || !existsSync(file)) {
    console.error(`Which bench? npm run bench -- ${names().join('|')} [--assert] [--write]`);
    return 2;
  }
  const { bench } = (await import(file)) as { bench: Bench };
  const [before = 0] = loadavg();
  const { load, ...figures } = await bench.run((line) => console.error(line), argv);
  const result: BenchResult = {
    bench: bench.name,
    load: `${load} Load average when it began: ${before.toFixed(1)}.`,
    ...figures,
  };
  console.log(`\n${markdownOf(result)}`);
  if (argv.includes('--write')) writeInto(join(import.meta.dirname, '../../docs/benchmarks.md'), result);
  console.log(JSON.stringify(result));
  return argv.includes('--assert') && result.goals.some((goal) => !goal.met) ? 1 : 0;
}

function names(): string[] {
  return readdirSync(import.meta.dirname).flatMap((file) => /^(.*)\.bench\.ts$/.exec(file)?.[1] ?? []);
}

process.exit(await main(process.argv.slice(2)));
