import { createReadStream } from 'node:fs';
import { mkdir, readFile, statfs } from 'node:fs/promises';
import type { ArtifactPins } from '../../artifacts/index.js';
import { formatDiagnostics, loadBundle, type BundleFile, type RoleLibrary } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import type { ContentStore, ImagesService, NewImage } from '../../images/index.js';
import { readArchive, type ArchiveSink } from './archive-tar.js';
import type { BroughtBundles, BundleContent } from './brought-bundles.js';
import type { ArchivedFile, Manifest } from './manifest.js';
import { checkPackagesFile } from './packages-file.js';

export interface ImportParts {
  dataDir: string;
  brought: BroughtBundles;
  kept: ContentStore;
  images: Pick<ImagesService, 'addContent' | 'forgetContent' | 'conflictWith' | 'record' | 'findContent'>;
  pins: Pick<ArtifactPins, 'find' | 'take'>;
  roles: () => RoleLibrary;
}

export interface ImportOptions {
  /** Everything is read and checked, and nothing is kept. */
  dryRun: boolean;
  /** Of the whole file, where it is known. */
  sha256?: string;
  signal?: AbortSignal;
  onBytes?: (bytes: number) => void;
}

/** All of a bundle's own files; they are held in memory. */
const BUNDLE_MOST_BYTES = 16 << 20;
const INDEX_MOST_BYTES = 64 << 20;

/**
 * Takes an archive in. It is read once: contents go to the stores by their sums, where nothing refers to them; only when
 * all of it was there and right are images, sums of artifacts and, last, the bundle recorded. What a broken archive left
 * in the stores is removed again.
 */
export async function importArchive(path: string, parts: ImportParts, options: ImportOptions): Promise<Manifest> {
  const taking = new Taking(parts, options.dryRun);
  try {
    const manifest = await readArchive(path, taking, options);
    await taking.check(manifest);
    if (!options.dryRun) await record(manifest, taking.bundle, parts);
    return manifest;
  } catch (error) {
    await taking.undo();
    throw error;
  }
}

/** Repeated after an interruption it comes to the same. */
async function record(manifest: Manifest, bundle: readonly BundleContent[], parts: ImportParts): Promise<void> {
  for (const image of imagesOf(manifest)) await parts.images.record(image);
  await parts.pins.take(manifest.artifacts, `the archive ${manifest.name}`);
  await parts.brought.put(manifest.name, manifest, bundle);
}

class Taking implements ArchiveSink {
  readonly bundle: BundleContent[] = [];
  private readonly added = { kept: [] as string[], images: [] as string[] };
  private readonly indexes = new Map<string, string>();
  private ofImages = new Set<string>();
  private ofOthers = new Set<string>();
  private ofIndexes = new Set<string>();
  private bundleBytes = 0;

  constructor(
    private readonly parts: ImportParts,
    private readonly dryRun: boolean,
  ) {}

  async begin(manifest: Manifest): Promise<void> {
    const { artifacts, images, packages } = manifest;
    this.ofImages = new Set(images.flatMap(({ files }) => files.map(({ sha256 }) => sha256)));
    this.ofIndexes = new Set(packages.map(({ index }) => index));
    const ofPackages = packages.flatMap(({ files }) => files.map(({ sha256 }) => sha256));
    this.ofOthers = new Set([...artifacts.map(({ sha256 }) => sha256), ...ofPackages, ...this.ofIndexes]);
    await this.refuseConflicts(manifest);
    if (!this.dryRun) await refuseWithoutRoom(this.parts.dataDir, manifest);
  }

  async take(file: ArchivedFile, bytes: AsyncIterable<Buffer>): Promise<void> {
    if (file.name.startsWith('bundle/')) return this.takeOfBundle(file, bytes);
    const { sha256, sizeBytes } = file;
    if (this.ofIndexes.has(sha256) && sizeBytes > INDEX_MOST_BYTES) throw tooLarge('a list of packages', sizeBytes);
    if (this.dryRun) return this.takeIndex(file, bytes);
    const expected = { sha256, sizeBytes };
    if (this.ofImages.has(sha256)) {
      if ((await this.parts.images.findContent(sha256)) === null) this.added.images.push(sha256);
      const { path } = await this.parts.images.addContent(bytes, expected);
      if (!this.ofOthers.has(sha256)) return;
      bytes = createReadStream(path);
    }
    if ((await this.parts.kept.find(sha256)) === null) this.added.kept.push(sha256);
    const { path } = await this.parts.kept.add(bytes, expected);
    if (this.ofIndexes.has(sha256)) this.indexes.set(sha256, await readFile(path, 'utf8'));
  }

  /** What the parts say must fit one another. */
  async check(manifest: Manifest): Promise<void> {
    for (const set of manifest.packages) checkPackagesFile(this.indexes.get(set.index) ?? '', set);
    const files = manifest.bundle.map(({ path, encoding }, index): BundleFile => ({
      name: path,
      text: this.bundle[index]?.bytes.toString('utf8') ?? '',
      ...(index === 0 ? {} : { attached: true }),
      ...(encoding === undefined ? {} : { encoding }),
    }));
    const { bundle, diagnostics } = loadBundle(files, this.parts.roles());
    if (bundle === null) {
      const errors = diagnostics.filter(({ severity }) => severity === 'error');
      throw new MusterError(
        'invalid',
        `cannot use this archive: its bundle is not good here\n${formatDiagnostics(errors)}`,
      );
    }
    await this.refuseConflicts(manifest);
  }

  async undo(): Promise<void> {
    const inUse = new Set(this.parts.brought.manifests().flatMap(({ manifest }) => keptOf(manifest)));
    for (const sha256 of this.added.kept) if (!inUse.has(sha256)) await this.parts.kept.remove(sha256);
    await this.parts.images.forgetContent(this.added.images);
  }

  private async refuseConflicts(manifest: Manifest): Promise<void> {
    const why = await this.parts.images.conflictWith(imagesOf(manifest));
    if (why !== null) throw new MusterError('conflict', `cannot import this archive: the image ${why}`);
    for (const { url, sha256 } of manifest.artifacts) {
      const known = await this.parts.pins.find(url);
      if (known === null || known === sha256) continue;
      throw new MusterError('conflict', `cannot import this archive: its ${url} has the SHA-256 ${sha256}`, {
        hint: `this server was told ${known} before, and takes no other`,
      });
    }
  }

  private async takeOfBundle({ name, sizeBytes }: ArchivedFile, bytes: AsyncIterable<Buffer>): Promise<void> {
    this.bundleBytes += sizeBytes;
    if (this.bundleBytes > BUNDLE_MOST_BYTES) throw tooLarge('the bundle', this.bundleBytes);
    this.bundle.push({ path: name.slice('bundle/'.length), bytes: await wholeOf(bytes) });
  }

  private async takeIndex({ sha256 }: ArchivedFile, bytes: AsyncIterable<Buffer>): Promise<void> {
    if (this.ofIndexes.has(sha256)) this.indexes.set(sha256, (await wholeOf(bytes)).toString('utf8'));
    else for await (const _ of bytes);
  }
}

/** What an archive's bundle needs of the server as long as it is there. */
export function keptOf({ artifacts, packages }: Manifest): string[] {
  return [
    ...artifacts.map(({ sha256 }) => sha256),
    ...packages.flatMap(({ index, files }) => [index, ...files.map(({ sha256 }) => sha256)]),
  ];
}

function imagesOf({ name, images, contents }: Manifest): NewImage[] {
  const sizes = new Map(contents.map(({ sha256, sizeBytes }) => [sha256, sizeBytes]));
  return images.map(({ createdAt, files, ...identity }) => ({
    ...identity,
    source: `archive ${name}`,
    createdAt: new Date(createdAt),
    files: files.map((file) => ({ ...file, sizeBytes: sizes.get(file.sha256) ?? 0 })),
  }));
}

async function refuseWithoutRoom(dataDir: string, { contents }: Manifest): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const { bavail, bsize } = await statfs(dataDir);
  const needed = contents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (needed <= bavail * bsize) return;
  throw new MusterError(
    'unavailable',
    `cannot import this archive: it has ${needed} bytes, and ${dataDir} has room for ${bavail * bsize}`,
  );
}

function tooLarge(what: string, bytes: number): MusterError {
  return new MusterError('invalid', `cannot use this archive: ${what} in it has ${bytes} bytes`);
}

async function wholeOf(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of bytes) parts.push(part);
  return Buffer.concat(parts);
}
