import type { EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { BakedLike } from './baked-like.js';
import type { Clock } from '../platform/clock.js';
import { runProcess } from '../platform/process/index.js';
import {
  buildableReleases,
  type Baked,
  type BuiltFile,
  type KernelFlavour,
  type MemoryEnvironment,
  type OsImage,
} from './build/index.js';
import type { ImageCatalog, NewImage, NewImageFile } from './image-catalog.js';
import type { Compression, ImageFileRole } from './image-file.entity.js';
import type { Image } from './image.entity.js';
import type { ImageBuilders } from './image-builders.js';
import { importContent } from './import/import-content.js';
import { ALL_FORMS, CONTAINER_VARIANT, ROLE_OF_FORM, type ImageForm, type ImageWish } from './select-image.js';
import type { StreamSync, SyncRequest, SyncResult } from './streams/stream-sync.js';
import type { Content, ContentStore } from './store/content-store.js';

/** Called with each step onwards; 100 is told by the promise alone. */
export type ImageProgress = (percent: number, message: string) => void;

export interface ProgressOptions {
  onProgress?: ImageProgress;
  signal?: AbortSignal;
}

export interface BuildRequest {
  /** `memory`: the environment that the agent runs in. */
  target: 'memory' | { os: 'debian' | 'ubuntu'; release: string };
  kernel?: KernelFlavour;
  include?: readonly string[];
  mirror?: string;
}

/** An image like another, with what roles need in it already. */
export interface BakeRequest {
  like: BakedLike;
  packages: readonly string[];
  baked: Baked;
  /** What it is called where images are listed. */
  name: string;
  /** Where it comes from, for people: the roles. */
  labels: Record<string, string>;
  mirror?: string;
}

export interface ImportRequest {
  path: string;
  os: string;
  release: string;
  architecture: string;
  variant?: string;
  /** Default: the time, as `20261121.072444`. */
  version?: string;
  /** Of the file, when the operator knows it. */
  sha256?: string;
}

/** A squashfs on this computer. */
export interface ContainerRoot {
  os: string;
  release: string;
  architecture: string;
  createdAt: Date;
  sha256: string;
  path: string;
  sizeBytes: number;
}

/** What an agent is to write, all but the URL, which is the boot server's to know. */
export interface DeployableFile {
  form: ImageForm;
  compression: Compression;
  sha256: string;
  sizeBytes: number;
  unpackedBytes: number | null;
  os: string;
  release: string;
}

/** Operating systems and memory environments: how they come into the store, are chosen, served and forgotten. */
export class ImagesService {
  constructor(
    private readonly catalog: ImageCatalog,
    private readonly store: ContentStore,
    private readonly builders: ImageBuilders,
    private readonly streams: StreamSync,
    private readonly options: { cacheDir: string; clock: Clock },
  ) {}

  /** Newest first. */
  list(): Promise<Image[]> {
    return this.catalog.list();
  }

  find(id: string): Promise<Image | null> {
    return this.catalog.find(id);
  }

  async get(id: string): Promise<Image> {
    const image = await this.catalog.find(id);
    if (image === null) throw new MusterError('not-found', `cannot find image ${id}`);
    return image;
  }

  /** The newest image that fits, or null. */
  select(wish: ImageWish): Promise<Image | null> {
    return this.catalog.select(wish);
  }

  async getSelected(wish: ImageWish): Promise<Image> {
    const image = await this.catalog.select(wish);
    if (image !== null) return image;
    const target = wish.kind === 'memory' ? 'memory' : `${wish.os ?? 'debian'}@${wish.release ?? 'RELEASE'}`;
    throw new MusterError('not-found', `cannot find an image for ${describe(wish)}`, {
      hint: `muster images build ${target}`,
    });
  }

  /** The file of an image to write to a disk or boot into memory, in the first of these forms that it has. */
  getDeployable(image: Image, forms: readonly ImageForm[] = ALL_FORMS): DeployableFile {
    for (const form of forms) {
      const file = image.files.find(({ role }) => role === ROLE_OF_FORM[form]);
      if (file === undefined) continue;
      const { compression, sha256, sizeBytes, unpackedBytes } = file;
      return { form, compression, sha256, sizeBytes, unpackedBytes, os: image.os, release: image.release };
    }
    throw new MusterError('conflict', `cannot deploy image ${image.id}: it has no ${forms.join(' or ')}`);
  }

  /** The root that a container is made of: one built for containers, else one for machines; null where there is none. */
  async findContainerRoot(wish: Pick<Image, 'os' | 'release' | 'architecture'>): Promise<ContainerRoot | null> {
    const any = { ...wish, forms: ['squashfs'] } as const;
    const image = (await this.select({ ...any, variant: CONTAINER_VARIANT })) ?? (await this.select(any));
    if (image === null) return null;
    const { os, release, architecture, createdAt } = image;
    const { sha256, path, sizeBytes } = await this.contentOf(image, 'root-squashfs');
    return { os, release, architecture, createdAt, sha256, path, sizeBytes };
  }

  /** What of an image an archive takes along: the bytes of each of its files. */
  async contentsOf(image: Image): Promise<Content[]> {
    return Promise.all(image.files.map(({ sha256 }) => this.store.get(sha256)));
  }

  /** What dpkg says that an image holds; null where its root is no squashfs, or not of dpkg's making. */
  async dpkgStatus(image: Image, signal?: AbortSignal): Promise<string | null> {
    const root = image.files.find(({ role }) => role === 'root-squashfs');
    if (root === undefined) return null;
    const { path } = await this.store.get(root.sha256);
    const { code, stdout } = await runProcess(['unsquashfs', '-cat', path, 'var/lib/dpkg/status'], {
      signal,
      allow: [0, 1, 2],
    });
    return code === 0 && stdout !== '' ? stdout : null;
  }

  /** Takes bytes in for an image that is brought; freed after a while where none is recorded. */
  addContent(source: AsyncIterable<Buffer>, expected: { sha256: string; sizeBytes: number }): Promise<Content> {
    return this.store.add(source, expected);
  }

  /** Frees bytes that were taken in, but for those that an image refers to. */
  async forgetContent(sums: readonly string[]): Promise<void> {
    if (sums.length === 0) return;
    const inUse = await this.catalog.contentInUse();
    for (const sha256 of sums) if (!inUse.has(sha256)) await this.store.remove(sha256);
  }

  /** Why images that another server recorded cannot be recorded here; null: they can. */
  async conflictWith(images: readonly NewImage[]): Promise<string | null> {
    for (const image of images) {
      const known = await this.catalog.findVersion(image);
      if (known === null) continue;
      const same = image.files.every(({ role, sha256 }) =>
        known.files.some((file) => file.role === role && file.sha256 === sha256),
      );
      if (!same || image.files.length !== known.files.length)
        return `${image.os}@${image.release} ${image.variant} ${image.version} is here with other bytes`;
    }
    return null;
  }

  /** Records an image whose bytes were taken in; in the manager's transaction, where it is given one. */
  record(image: NewImage, manager?: EntityManager): Promise<Image> {
    return this.catalog.record(image, {}, manager);
  }

  /** What can be built on this computer: there are keys to check its packages with. */
  buildable(): { os: string; release: string }[] {
    return buildableReleases();
  }

  /** The newest memory environment's kernel and initrd, on disk. */
  async getMemoryEnvironment(architecture: string): Promise<{ image: Image; kernel: Content; initrd: Content }> {
    const image = await this.getSelected({ kind: 'memory', architecture });
    const [kernel, initrd] = await Promise.all([this.contentOf(image, 'kernel'), this.contentOf(image, 'initrd')]);
    return { image, kernel, initrd };
  }

  /** Bytes by their hash: a look at the file system, no database. Null for what is not stored or is no hash. */
  findContent(sha256: string): Promise<Content | null> {
    return /^[0-9a-f]{64}$/.test(sha256) ? this.store.find(sha256) : Promise.resolve(null);
  }

  /** Builds from the distribution's packages and stores the result. An unchanged build gives the image that is there. */
  async build(request: BuildRequest, options: ProgressOptions = {}): Promise<Image> {
    const { kernel, include, mirror, target } = request;
    const buildOptions = { cacheDir: this.options.cacheDir, kernel, include, mirror, ...options };
    if (target === 'memory') return this.storeMemory(await this.builders.buildMemoryEnvironment(buildOptions), kernel);
    const labels: Record<string, string> = include?.length ? { include: [...include].sort().join(' ') } : {};
    return this.storeOs(await this.builders.buildOsImage({ ...buildOptions, ...target }), kernel, { labels });
  }

  /**
   * Builds an image with more in it. It has the variant of the one it is made like, and is newer: from then on nodes
   * are made of it.
   */
  async bake(request: BakeRequest, options: ProgressOptions = {}): Promise<Image> {
    const { like, packages, baked, mirror, name } = request;
    const { os, release, kernel, from } = like;
    if (os !== 'debian' && os !== 'ubuntu')
      throw new MusterError('invalid', `cannot bake ${os}@${release}: muster builds Debian and Ubuntu alone`);
    const include = [...new Set([...like.include, ...packages])].sort();
    const order = { release, kernel, include, mirror, baked, cacheDir: this.options.cacheDir };
    const built = await this.builders.buildOsImage({ os, ...order, ...options });
    const labels = { ...request.labels, include: include.join(' '), ...(from === null ? {} : { from }) };
    return this.storeOs(built, kernel, { source: `bake ${name}`, labels });
  }

  /** Stores a tar, squashfs, raw disk or qcow2, plain or packed with gzip, zstd or xz. */
  async importFile(request: ImportRequest, options: ProgressOptions = {}): Promise<Image> {
    return this.record(await this.takeIn(request, options));
  }

  /** As {@link importFile}, all but the record of it: bytes that nobody records are freed after a while. */
  async takeIn(request: ImportRequest, options: ProgressOptions = {}): Promise<NewImage> {
    const { path, sha256, os, release, architecture } = request;
    const imported = await importContent(this.store, path, { sha256, ...options });
    const now = this.options.clock.now();
    const { content, compression, unpackedBytes } = imported;
    return {
      kind: 'os',
      os,
      release,
      architecture,
      variant: request.variant ?? 'default',
      version: request.version ?? versionAt(now),
      source: `import ${path}`,
      labels: {},
      createdAt: now,
      files: [fileOf(ROLE_OF_FORM[imported.form], content, compression, unpackedBytes)],
    };
  }

  /** Brings images of a simplestreams source into the store. See {@link StreamSync}. */
  async sync(request: SyncRequest = {}, options: ProgressOptions = {}): Promise<SyncResult> {
    const result = await this.streams.sync(request, options);
    if (result.removed.length > 0) await this.collect();
    return result;
  }

  /** Throws `conflict` while it is in use. Frees what no other shares; after a manager's transaction, {@link collect} does. */
  async delete(id: string, manager?: EntityManager): Promise<void> {
    await this.catalog.delete(id, manager);
    if (manager === undefined) await this.collect();
  }

  /** Frees what no image refers to. */
  async collect(): Promise<{ removed: string[]; freedBytes: number }> {
    return this.store.collect(await this.catalog.contentInUse(), this.options.clock.now());
  }

  /** Reads every stored byte again. What is damaged or missing is told by hash and by the images that need it. */
  async verify(
    options: ProgressOptions = {},
  ): Promise<{ sha256: string; problem: 'damaged' | 'missing'; images: string[] }[]> {
    const images = await this.catalog.list();
    const wanted = [...(await this.catalog.contentInUse())].sort();
    const problems: { sha256: string; problem: 'damaged' | 'missing'; images: string[] }[] = [];
    for (const [index, sha256] of wanted.entries()) {
      options.signal?.throwIfAborted();
      options.onProgress?.(Math.floor((index * 100) / wanted.length), sha256);
      const problem = await this.problemOf(sha256);
      if (problem === null) continue;
      const users = images.filter((image) => image.files.some((file) => file.sha256 === sha256));
      problems.push({ sha256, problem, images: users.map((image) => image.id) });
    }
    return problems;
  }

  private async problemOf(sha256: string): Promise<'damaged' | 'missing' | null> {
    if ((await this.store.find(sha256)) === null) return 'missing';
    return (await this.store.isIntact(sha256)) ? null : 'damaged';
  }

  private contentOf(image: Image, role: ImageFileRole): Promise<Content> {
    const file = image.files.find((candidate) => candidate.role === role);
    if (file === undefined) throw new MusterError('conflict', `cannot use image ${image.id}: it has no ${role}`);
    return this.store.get(file.sha256);
  }

  private async storeMemory(built: MemoryEnvironment, kernel: KernelFlavour | undefined): Promise<Image> {
    const files = [await this.storeBuilt('kernel', built.kernel), await this.storeBuilt('initrd', built.initrd)];
    const { architecture, version, kernelVersion } = built;
    return this.recordBuild({ kind: 'memory', os: 'muster', release: 'memory', architecture, version }, files, {
      kernel: kernel ?? 'generic',
      kernelVersion,
    });
  }

  private async storeOs(
    built: OsImage,
    kernel: KernelFlavour | undefined,
    told: { source?: string; labels: Record<string, string> },
  ): Promise<Image> {
    const { os, release, architecture, version, kernelVersion } = built;
    const squashfs = await this.storeBuilt('root-squashfs', built.squashfs, 'none', built.unpackedBytes);
    const identity = { kind: 'os' as const, os, release, architecture, version };
    if (built.fileSystem === null)
      return this.recordBuild(identity, [squashfs], told.labels, CONTAINER_VARIANT, told.source);
    const fileSystem = await this.storeBuilt('root-ext4', built.fileSystem, 'zstd', built.fileSystemBytes);
    const labels = { ...told.labels, kernel: kernel ?? 'generic', kernelVersion };
    return this.recordBuild(identity, [fileSystem, squashfs], labels, 'default', told.source);
  }

  private async storeBuilt(
    role: ImageFileRole,
    file: BuiltFile,
    compression: Compression = 'none',
    unpackedBytes: number | null = null,
  ): Promise<NewImageFile> {
    const { sha256, sizeBytes } = file;
    const known = await this.store.freshen(sha256, this.options.clock.now());
    const content = known ?? (await this.store.addFile(file.path, { sha256, sizeBytes }));
    return fileOf(role, content, compression, unpackedBytes);
  }

  private recordBuild(
    identity: Pick<NewImage, 'kind' | 'os' | 'release' | 'architecture' | 'version'>,
    files: NewImageFile[],
    labels: Record<string, string>,
    variant = 'default',
    source = 'build',
  ): Promise<Image> {
    const createdAt = this.options.clock.now();
    const image = { ...identity, variant, source, labels, createdAt, files };
    return this.catalog.record(image, { replace: true });
  }
}

function fileOf(
  role: ImageFileRole,
  { sha256, sizeBytes }: Content,
  compression: Compression,
  unpackedBytes: number | null,
): NewImageFile {
  return { role, sha256, sizeBytes, compression, unpackedBytes };
}

/** `20261121.072444`, in UTC. */
function versionAt(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '.');
}

function describe(wish: ImageWish): string {
  const parts = [
    wish.kind === 'memory' ? 'memory environment' : wish.os,
    wish.release,
    wish.architecture,
    wish.variant,
  ];
  return [...parts, wish.version, wish.forms?.join(' or ')].filter((part) => part !== undefined).join(' ');
}
