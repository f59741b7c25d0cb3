import { isDeepStrictEqual } from 'node:util';
import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { MusterError } from '../error.js';
import { ImageFile, type Compression, type ImageFileRole } from './image-file.entity.js';
import { Image } from './image.entity.js';
import { newestFirst, selectImage, type ImageWish } from './select-image.js';

/** Postgres: foreign_key_violation, restrict_violation. */
const IN_USE = ['23503', '23001'];

export interface NewImageFile {
  role: ImageFileRole;
  sha256: string;
  sizeBytes: number;
  compression: Compression;
  unpackedBytes: number | null;
}

export type ImageIdentity = Pick<Image, 'kind' | 'os' | 'release' | 'architecture' | 'variant' | 'version'>;

export interface NewImage extends ImageIdentity {
  source: string;
  labels: Record<string, string>;
  createdAt: Date;
  /** Their bytes are in the store already. */
  files: readonly NewImageFile[];
}

/** The images in the database. What takes a manager works in its transaction. */
export class ImageCatalog {
  constructor(private readonly dataSource: DataSource) {}

  /** Newest first. */
  async list(): Promise<Image[]> {
    const images = await this.dataSource.getRepository(Image).find({ relations: { files: true } });
    return images.sort(newestFirst);
  }

  find(id: string, manager = this.dataSource.manager): Promise<Image | null> {
    return manager.findOne(Image, { where: { id }, relations: { files: true } });
  }

  findVersion(identity: ImageIdentity): Promise<Image | null> {
    const { kind, os, release, architecture, variant, version } = identity;
    const where = { kind, os, release, architecture, variant, version };
    return this.dataSource.getRepository(Image).findOne({ where, relations: { files: true } });
  }

  async select(wish: ImageWish): Promise<Image | null> {
    const images = await this.dataSource
      .getRepository(Image)
      .find({ where: { kind: wish.kind ?? 'os', architecture: wish.architecture }, relations: { files: true } });
    return selectImage(images, wish);
  }

  /**
   * Records an image. The same one with the same files is only made newer; with other files it is refused, unless
   * `replace` says that the new ones count.
   */
  async record(image: NewImage, options: { replace?: boolean } = {}, outer = this.dataSource.manager): Promise<Image> {
    const id = await outer.transaction(async (manager) => {
      const { kind, os, release, architecture, variant, version } = image;
      const identity = { kind, os, release, architecture, variant, version };
      // Two that record the same image at once queue here instead of failing on the unique constraint.
      await manager.query('select pg_advisory_xact_lock(hashtext($1))', [`image ${Object.values(identity).join(' ')}`]);
      const known = await manager.findOne(Image, { where: identity, relations: { files: true } });
      if (known === null) return insert(manager, image);
      if (!isDeepStrictEqual(contentOf(known.files), contentOf(image.files))) {
        if (options.replace !== true) throw alreadyThere(image);
        await manager.delete(ImageFile, { imageId: known.id });
        await insertFiles(manager, known.id, image.files);
      }
      const { createdAt, labels, source } = image;
      await manager.update(Image, { id: known.id }, { createdAt, labels, source });
      return known.id;
    });
    const recorded = await this.find(id, outer);
    if (recorded === null) throw new MusterError('conflict', `cannot find image ${id}: it was deleted just now`);
    return recorded;
  }

  /** Throws `conflict` while something refers to it. Its bytes stay until they are collected. */
  async delete(id: string, manager = this.dataSource.manager): Promise<void> {
    try {
      const { affected } = await manager.delete(Image, { id });
      if (affected === 0) throw new MusterError('not-found', `cannot delete image ${id}: there is none`);
    } catch (error) {
      if (!isInUse(error)) throw error;
      throw new MusterError('conflict', `cannot delete image ${id}: a machine or a deployment uses it`, {
        cause: error,
      });
    }
  }

  /** Every hash that an image refers to. */
  async contentInUse(): Promise<Set<string>> {
    const files = await this.dataSource.getRepository(ImageFile).find({ select: { id: true, sha256: true } });
    return new Set(files.map((file) => file.sha256));
  }
}

async function insert(manager: EntityManager, image: NewImage): Promise<string> {
  const { files, ...fields } = image;
  const { id } = await manager.save(manager.create(Image, fields));
  await insertFiles(manager, id, files);
  return id;
}

async function insertFiles(manager: EntityManager, imageId: string, files: readonly NewImageFile[]): Promise<void> {
  await manager.save(files.map((file) => manager.create(ImageFile, { ...file, imageId })));
}

function contentOf(files: readonly { role: ImageFileRole; sha256: string }[]): string[] {
  return files.map((file) => `${file.role} ${file.sha256}`).sort();
}

function alreadyThere(image: NewImage): MusterError {
  const name = `${image.os} ${image.release} ${image.architecture} ${image.variant}`;
  return new MusterError(
    'conflict',
    `cannot store ${name} as version ${image.version}: another image has that version`,
    {
      hint: 'give it another --version, or delete the one that is there',
    },
  );
}

function isInUse(error: unknown): boolean {
  const driverError: unknown = error instanceof QueryFailedError ? error.driverError : undefined;
  return IN_USE.includes((driverError as { code?: string } | undefined)?.code ?? '');
}
