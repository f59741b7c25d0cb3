import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError } from '../error.js';
import type { ContentStore } from '../images/index.js';
import type { Clock } from '../platform/clock.js';
import { OutgoingHttp } from '../platform/http/index.js';
import { placeOf, type ArtifactMirrors, type ArtifactPlace } from './mirrors.js';

export interface CacheSettings {
  /** A folder of its own below the data folder. */
  dir: string;
  mirrors: ArtifactMirrors;
  /** No artifact may be larger. */
  maxBytes: number;
  /** Above this those that were not used for longest are removed. */
  cacheBytes: number;
}

export interface FetchOptions {
  signal?: AbortSignal;
  onProgress?: (progress: { bytes: number; totalBytes: number | null }) => void;
}

interface Held {
  path: string;
  sizeBytes: number;
}

/** A part that nobody has written to for this long has no writer. */
const WRITER_GONE_MS = 60_000;
/** What was used within this time is not removed, whatever the size of the cache. */
const IN_USE_MS = 24 * 3600_000;
const CHECKSUM_FILE_BYTES = 4 << 20;

/** Artifacts on this server, by their SHA-256: fetched once, gone on with after a cut, checked. */
export class ArtifactCache {
  private readonly direct: OutgoingHttp;
  private readonly mirror: OutgoingHttp;

  constructor(
    private readonly store: ContentStore,
    private readonly settings: CacheSettings,
    private readonly clock: Clock,
    /** What archives brought: it stays until their bundle is removed. */
    private readonly kept: Pick<ContentStore, 'find'> | null = null,
  ) {
    this.direct = new OutgoingHttp({}, clock);
    // A mirror is the operator's own word; what a role names is not.
    this.mirror = new OutgoingHttp({ allowLocal: true }, clock);
  }

  /** What is there already; counts as a use. */
  async find(sha256: string): Promise<Held | null> {
    return (await this.store.freshen(sha256, this.clock.now())) ?? (await this.kept?.find(sha256)) ?? null;
  }

  async fetch(url: string, sha256: string, options: FetchOptions = {}): Promise<Held> {
    const known = await this.find(sha256);
    if (known !== null) return known;
    const place = placeOf(url, this.settings.mirrors);
    const held =
      place.kind === 'file' ? await this.take(place.path, sha256, options) : await this.load(place, sha256, options);
    await this.dropParts(sha256);
    await this.evict();
    return held;
  }

  /** A small file as text. It vouches for others, so it comes by HTTPS or from the operator's own folder. */
  async readText(url: string, signal?: AbortSignal): Promise<string> {
    const place = placeOf(url, this.settings.mirrors);
    if (place.kind === 'file') {
      await this.lookAt(place.path, CHECKSUM_FILE_BYTES);
      return readFile(place.path, 'utf8');
    }
    if (!place.url.startsWith('https:')) {
      throw new MusterError('invalid', `cannot take a checksum from ${place.url}: it does not come by https`);
    }
    const http = place.isMirror ? this.mirror : this.direct;
    return (await http.getBody(place.url, { maxBytes: CHECKSUM_FILE_BYTES, signal })).toString();
  }

  private async take(path: string, sha256: string, { signal }: FetchOptions): Promise<Held> {
    await this.lookAt(path, this.settings.maxBytes);
    return this.store.addFile(path, { sha256 }, signal);
  }

  private async lookAt(path: string, maxBytes: number): Promise<void> {
    const found = await stat(path).catch(() => null);
    if (found === null || !found.isFile()) {
      throw new MusterError('not-found', `cannot find ${path}: by artifactMirrors it stands for an artifact's address`);
    }
    if (found.size > maxBytes)
      throw new MusterError('invalid', `cannot take ${path}: it has more than ${maxBytes} bytes`);
  }

  private async load(
    { url, isMirror }: Extract<ArtifactPlace, { kind: 'url' }>,
    sha256: string,
    options: FetchOptions,
  ): Promise<Held> {
    const path = await this.ownPart(sha256);
    const http = isMirror ? this.mirror : this.direct;
    const { maxBytes } = this.settings;
    await http.download(url, path, { sha256, maxBytes, ...options });
    try {
      return await this.store.adopt(path, { sha256 });
    } catch (error) {
      // The bytes that came were right, those in the file are not: somebody else wrote to it, or the disk is bad.
      await rm(path, { force: true });
      throw new MusterError('unavailable', `cannot keep ${url}: what was written is not what came`, { cause: error });
    }
  }

  /**
   * A file of one's own to write to, with what others have of the same content. A worker that was paused and superseded
   * may still write to its own, so that is copied, and only moved where it has no writer any more.
   */
  private async ownPart(sha256: string): Promise<string> {
    const own = join(await this.partsFolder(), `${sha256}.${randomBytes(6).toString('hex')}`);
    const parts = await this.partsOf(sha256);
    const [longest] = parts.sort((a, b) => b.sizeBytes - a.sizeBytes);
    if (longest === undefined) return own;
    const take = this.clock.now().getTime() - longest.writtenAt > WRITER_GONE_MS ? rename : copy;
    await take(longest.path, own).catch(() => undefined);
    await take(`${longest.path}.validator`, `${own}.validator`).catch(() => undefined);
    return own;
  }

  private async partsOf(sha256: string): Promise<{ path: string; sizeBytes: number; writtenAt: number }[]> {
    const folder = await this.partsFolder();
    const names = (await readdir(folder)).filter((name) => name.startsWith(sha256) && !name.endsWith('.validator'));
    const found = await Promise.all(
      names.map(async (name) => {
        const path = join(folder, name);
        const file = await stat(path).catch(() => null);
        return file === null ? [] : [{ path, sizeBytes: file.size, writtenAt: file.mtimeMs }];
      }),
    );
    return found.flat();
  }

  private async dropParts(sha256: string): Promise<void> {
    const folder = await this.partsFolder();
    for (const name of await readdir(folder)) {
      if (name.startsWith(sha256)) await rm(join(folder, name), { force: true });
    }
  }

  private async partsFolder(): Promise<string> {
    const folder = join(this.settings.dir, 'partial');
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Keeps the cache within its size; what was used lately stays. */
  private async evict(): Promise<void> {
    const files = await Promise.all(
      (await this.store.list()).map(async (sha256) => {
        const file = await stat(this.store.pathOf(sha256)).catch(() => null);
        return file === null ? [] : [{ sha256, sizeBytes: file.size, usedAt: file.mtimeMs }];
      }),
    );
    const oldestFirst = files.flat().sort((a, b) => a.usedAt - b.usedAt);
    let total = oldestFirst.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { sha256, sizeBytes, usedAt } of oldestFirst) {
      if (total <= this.settings.cacheBytes || this.clock.now().getTime() - usedAt < IN_USE_MS) return;
      await this.store.remove(sha256);
      total -= sizeBytes;
    }
  }
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const now = new Date();
  await utimes(to, now, now);
}
