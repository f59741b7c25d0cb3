import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BundleFile } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import { syncFolder } from '../../platform/files/index.js';
import { bundleName, readManifest, type Manifest } from './manifest.js';

/** A file of a bundle as it lies in an archive. */
export interface BundleContent {
  path: string;
  bytes: Buffer;
}

/**
 * Bundles that archives brought: `<folder>/<name>/manifest.json`, and its files below `<folder>/<name>/bundle`. A folder
 * appears there whole or not at all; every process of this computer sees it at once.
 */
export class BroughtBundles {
  constructor(private readonly folder: string) {}

  names(): string[] {
    if (!existsSync(this.folder)) return [];
    const isBundle = (name: string) =>
      bundleName.safeParse(name).success && existsSync(join(this.folder, name, 'manifest.json'));
    return readdirSync(this.folder).filter(isBundle).sort();
  }

  has(name: string): boolean {
    return this.names().includes(name);
  }

  manifest(name: string): Manifest {
    return readManifest(readFileSync(join(this.folder, name, 'manifest.json'), 'utf8'));
  }

  /** With the one that came last first. */
  manifests(): { name: string; manifest: Manifest }[] {
    const found = this.names().map((name) => ({
      name,
      manifest: this.manifest(name),
      at: statSync(join(this.folder, name, 'manifest.json')).mtimeMs,
    }));
    return found.sort((a, b) => b.at - a.at || (a.name < b.name ? -1 : 1));
  }

  /** The bundle first, then what it includes and its roles. */
  files(name: string): BundleFile[] {
    return this.manifest(name).bundle.map(({ path, encoding }, index): BundleFile => ({
      name: path,
      text: readFileSync(join(this.folder, name, 'bundle', path), 'utf8'),
      ...(index === 0 ? {} : { attached: true }),
      ...(encoding === undefined ? {} : { encoding }),
    }));
  }

  /** Takes a bundle in, in the place of one of the same name. The caller has checked its paths. */
  async put(name: string, manifest: Manifest, contents: readonly BundleContent[]): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const fresh = await mkdtemp(join(this.folder, '.new-'));
    try {
      for (const { path, bytes } of contents) {
        await mkdir(dirname(join(fresh, 'bundle', path)), { recursive: true });
        await writeFile(join(fresh, 'bundle', path), bytes, { flag: 'wx', flush: true });
      }
      await writeFile(join(fresh, 'manifest.json'), JSON.stringify(manifest), { flush: true });
      await this.remove(name, 'old');
      await rename(fresh, join(this.folder, name));
      await syncFolder(this.folder);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  }

  async delete(name: string): Promise<void> {
    if (!this.has(name))
      throw new MusterError('not-found', `cannot remove the bundle "${name}": no archive brought it`);
    await this.remove(name, 'gone');
  }

  /** Out of sight in one move, then away. */
  private async remove(name: string, why: string): Promise<void> {
    const path = join(this.folder, name);
    if (!existsSync(path)) return;
    const aside = join(await mkdtemp(join(this.folder, `.${why}-`)), name);
    await rename(path, aside);
    await rm(dirname(aside), { recursive: true, force: true });
  }
}
