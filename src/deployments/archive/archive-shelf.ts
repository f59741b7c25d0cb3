import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { BundleFile } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import { archiveBytes, writeArchive } from './archive-tar.js';
import { bundleName, newManifest, readManifest, type Manifest } from './manifest.js';

/** What an archive is made of; contents lie where they are kept anyway. */
export interface ArchiveParts {
  name: string;
  bases: string[];
  /** The bundle first. */
  files: readonly BundleFile[];
  artifacts: Manifest['artifacts'];
  images: Manifest['images'];
  packages: Manifest['packages'];
  /** By SHA-256. */
  contents: ReadonlyMap<string, { path: string; sizeBytes: number }>;
}

interface Place {
  path: string;
  sizeBytes: number;
}

/** What was not fetched for so long is forgotten. */
const FORGET_AFTER_MS = 24 * 3600_000;
const RUN_ID = /^[0-9a-f-]{36}$/;

/**
 * Archives that can be fetched, by the run that put them together. Nothing is copied: an archive is written as it is
 * fetched, equal bytes each time, from where its contents are kept.
 */
export class ArchiveShelf {
  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
  ) {}

  async put(id: string, parts: ArchiveParts): Promise<Manifest> {
    await this.forgetOld();
    const folder = this.folderOf(id);
    const fresh = `${folder}.new`;
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { recursive: true, mode: 0o700 });
    const manifest = manifestOf(parts, this.clock.now());
    for (const [index, { text }] of parts.files.entries()) await writeFile(join(fresh, `bundle-${index}`), text);
    await writeFile(join(fresh, 'places.json'), JSON.stringify(Object.fromEntries(parts.contents)));
    await writeFile(join(fresh, 'manifest.json'), JSON.stringify(manifest));
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
    return manifest;
  }

  /** The archive's bytes from one of them on, and how many there are in all. */
  async open(id: string): Promise<{ name: string; sizeBytes: number; bytes: () => Readable }> {
    const folder = RUN_ID.test(id) ? this.folderOf(id) : '';
    if (folder === '' || !existsSync(folder)) {
      throw new MusterError('not-found', `cannot find an archive of run ${id}`, {
        hint: 'archives can be fetched for a day; put it together again',
      });
    }
    const manifest = readManifest(await readFile(join(folder, 'manifest.json'), 'utf8'));
    const places = JSON.parse(await readFile(join(folder, 'places.json'), 'utf8')) as Record<string, Place>;
    const paths = new Map(
      manifest.bundle.map(({ path }, index) => [`bundle/${path}`, join(folder, `bundle-${index}`)]),
    );
    for (const [sha256, { path }] of Object.entries(places)) paths.set(`content/${sha256}`, path);
    const bytes = () => writeArchive(manifest, ({ name }) => createReadStream(paths.get(name) ?? ''));
    return { name: manifest.name, sizeBytes: archiveBytes(manifest), bytes };
  }

  private async forgetOld(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.folder)) {
      const { mtimeMs } = await stat(join(this.folder, name));
      if (this.clock.now().getTime() - mtimeMs > FORGET_AFTER_MS)
        await rm(join(this.folder, name), { recursive: true, force: true });
    }
  }

  private folderOf(id: string): string {
    return join(this.folder, id);
  }
}

function manifestOf(parts: ArchiveParts, now: Date): Manifest {
  if (!bundleName.safeParse(parts.name).success) {
    throw new MusterError('invalid', `cannot call a bundle "${parts.name}"`, {
      hint: 'small letters, digits and hyphens: name it in the bundle, or by --name',
    });
  }
  const { name, bases, files, artifacts, images, packages } = parts;
  return newManifest({
    ...{ name, bases, artifacts, images, packages },
    createdAt: now.toISOString(),
    bundle: files.map(({ name: path, text, encoding }) => ({
      path,
      ...(encoding === undefined ? {} : { encoding }),
      sha256: createHash('sha256').update(text).digest('hex'),
      sizeBytes: Buffer.byteLength(text),
    })),
    contents: [...parts.contents].map(([sha256, { sizeBytes }]) => ({ sha256, sizeBytes })),
  });
}
