import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

/** What a file brings with it when it is loaded; not what it loads when it is called. */
const IMPORT = /^(?:import|export) (?!type )[^;]*?from '([^']+)';/gm;

function packagesOf(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen;
  const named = [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, from = '']) => from);
  seen.set(
    file,
    named.filter((from) => !from.startsWith('.')),
  );
  for (const from of named.filter((each) => each.startsWith('.')))
    packagesOf(join(dirname(file), from.replace(/\.js$/, '.ts')), seen);
  return seen;
}

it('the command line loads no server: nobody waits for one who asks for a status, or types Tab', () => {
  const files = packagesOf(join(import.meta.dirname, 'cli.ts'));
  const packages = new Set([...files.values()].flat());
  expect(files.size).toBeGreaterThan(100);
  expect(
    [...packages].filter((name) => /^(?:@nestjs|typeorm|pg|bullmq|ioredis|pino|reflect-metadata)/.test(name)),
  ).toEqual([]);
});
