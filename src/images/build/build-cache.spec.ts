import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cached } from './build-cache.js';
import type { PackageSource } from './distribution.js';

const isRoot = process.getuid?.() === 0;
let folder: string;
let cache: string;
let made: number;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-cache-'));
  cache = join(folder, 'cache');
  made = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const build = () =>
  cached(
    cache,
    'image',
    { assets: [], parameters: [1], source: { archives: [] } as unknown as PackageSource },
    (work) => {
      made += 1;
      writeFileSync(join(work, 'file'), 'built');
      return Promise.resolve({ number: made });
    },
  );

it('makes what is the same once', async () => {
  expect((await build()).result).toEqual({ number: 1 });
  expect((await build()).result).toEqual({ number: 1 });
  expect(made).toBe(1);
});

describe.skipIf(!isRoot)('as root', () => {
  it.each([
    ['is of another', () => chownSync(cache, 65_534, 65_534)],
    ['others may write to', () => chmodSync(cache, 0o777)],
  ])('trusts no cache that %s', async (_what, spoil) => {
    mkdirSync(cache);
    spoil();
    await expect(build()).rejects.toThrow(/others than root may write to/);
    expect(made).toBe(0);
  });

  it('trusts none that another could put another folder in place of', async () => {
    chownSync(folder, 65_534, 65_534);
    await expect(build()).rejects.toThrow(/others than root may write to/);
  });
});
