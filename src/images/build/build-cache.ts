import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { runProcess } from '../../platform/process/index.js';
import { messageOf, MusterError } from '../../error.js';
import type { PackageSource } from './distribution.js';

const RESULT = 'result.json';

/** Everything a build depends on; equal inputs, equal result. */
export interface BuildInputs {
  /** Folders and files of muster's own that go into the result or steer it. */
  assets: readonly string[];
  /** Options and lists. */
  parameters: unknown;
  source: PackageSource;
}

/**
 * Finds or makes a build. `make` gets an empty folder for the files it leaves; what it returns must be plain JSON
 * with paths relative to that folder. A build that breaks off leaves nothing.
 */
export async function cached<Result>(
  cacheDir: string,
  name: string,
  inputs: BuildInputs,
  make: (folder: string) => Promise<Result>,
): Promise<{ folder: string; result: Result }> {
  await mkdir(cacheDir, { recursive: true });
  await refuseOthersFolder(cacheDir);
  const folder = join(cacheDir, `${name}-${await cacheKey(cacheDir, inputs)}`);
  if (!existsSync(join(folder, RESULT))) {
    const work = await mkdtemp(join(cacheDir, `.${name}-`));
    // apt's own user looks for packages below it.
    await chmod(work, 0o755);
    try {
      const result = await make(work);
      await writeFile(join(work, RESULT), JSON.stringify(result));
      await rm(folder, { recursive: true, force: true });
      await rename(work, folder);
    } finally {
      // What was stopped may be writing still, for a moment.
      await rm(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  return { folder, result: JSON.parse(await readFile(join(folder, RESULT), 'utf8')) as Result };
}

/** What is found in the cache is taken for a build: root trusts a folder that only root can change, or put another in place of. */
async function refuseOthersFolder(cacheDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const folder = await realpath(cacheDir);
  for (let path = folder; ; path = dirname(path)) {
    const { uid, mode } = await stat(path);
    // In a sticky folder, such as /tmp, only its owner can move what is there.
    const isOpen = (mode & 0o022) !== 0 && (path === folder || (mode & 0o1000) === 0);
    if (uid !== 0 || isOpen) {
      throw new MusterError('conflict', `cannot keep builds in ${cacheDir}: others than root may write to ${path}`, {
        hint: 'set images.cacheDir to a folder that only root can change, or delete this one',
      });
    }
    if (path === '/') return;
  }
}

async function cacheKey(cacheDir: string, inputs: BuildInputs): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([inputs.parameters, inputs.source]));
  for (const asset of inputs.assets) {
    // By its place below the asset: where muster itself is installed makes no difference.
    for (const file of filesBelow(asset)) hash.update(`\0${relative(asset, file)}\0`).update(readFileSync(file));
  }
  for (const archive of inputs.source.archives) {
    hash.update(await releaseFile(cacheDir, `${archive.uri}/dists/${archive.suite}/InRelease`));
  }
  return hash.digest('hex').slice(0, 16);
}

/** By apt's own downloader: it knows this computer's proxy settings. The signature is checked when packages are taken. */
async function releaseFile(cacheDir: string, url: string): Promise<Buffer> {
  const folder = await mkdtemp(join(cacheDir, '.release-'));
  const file = join(folder, 'InRelease');
  try {
    await runProcess(['/usr/lib/apt/apt-helper', 'download-file', url, file], { timeoutMs: 60_000 });
    return await readFile(file);
  } catch (error) {
    throw new MusterError('unavailable', `cannot fetch ${url}: ${messageOf(error)}`, {
      hint: 'Check that this computer reaches the package archive, or name a mirror that it reaches.',
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesBelow(join(path, name)));
}
