import type { Key } from 'openpgp';
import { MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import type { OutgoingHttp } from '../../platform/http/index.js';
import type { Logger } from '../../platform/log/index.js';
import type { ImageCatalog, NewImageFile } from '../image-catalog.js';
import type { Image } from '../image.entity.js';
import { importContent } from '../import/import-content.js';
import { newestFirst, ROLE_OF_FORM } from '../select-image.js';
import type { ContentStore } from '../store/content-store.js';
import {
  chooseImages,
  groupByIdentity,
  identityOf,
  type ChosenFile,
  type ChosenImage,
  type StreamFilter,
} from './choose-images.js';
import { readKeyring, readSignedText } from './signed-text.js';
import { parseIndex, parseProducts, type StreamImage } from './stream-format.js';

const INDEX_PATH = 'streams/v1/index.sjson';
const LARGEST_INDEX_BYTES = 4 << 20;
const LARGEST_PRODUCTS_BYTES = 64 << 20;

export interface SyncRequest extends StreamFilter {
  /** The stream's base, without `streams/v1/…`; default: the setting `images.streamUrl`. */
  url?: string;
  /** Default: the setting `images.keyring`, else the packaged one of Ubuntu's images. */
  keyring?: string;
}

export interface SyncResult {
  added: Image[];
  /** In the store already, byte for byte. */
  unchanged: Image[];
  /** Older versions from this stream that nothing uses. */
  removed: Image[];
}

export interface SyncOptions {
  /** Percent of all bytes to fetch. */
  onProgress?: (percent: number, message: string) => void;
  signal?: AbortSignal;
}

interface Progress {
  doneBytes: number;
  totalBytes: number;
}

/**
 * Brings images of a simplestreams source into the store. The documents must be signed by a key of the keyring and every
 * file must have the size and hash that they name; an image is recorded when all of its files are there.
 */
export class StreamSync {
  constructor(
    private readonly catalog: ImageCatalog,
    private readonly store: ContentStore,
    private readonly http: OutgoingHttp,
    private readonly defaults: { url: string; keyring?: string },
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  async sync(request: SyncRequest, options: SyncOptions = {}): Promise<SyncResult> {
    const base = baseOf(request.url ?? this.defaults.url);
    const keys = await readKeyring(request.keyring ?? this.defaults.keyring);
    options.onProgress?.(0, `reading ${base.href}`);
    const wanted = chooseImages(await this.readImages(base, keys, options.signal), request);
    if (wanted.length === 0) {
      throw new MusterError('not-found', `cannot sync from ${base.href}: no image there passes the filter`, {
        hint: 'leave filters out one by one; releases are named by number or by code name, architectures as amd64',
      });
    }
    const files = wanted.flatMap((image) => image.files);
    const progress = { doneBytes: 0, totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0) };
    const result: SyncResult = { added: [], unchanged: [], removed: [] };
    for (const image of wanted) {
      const { isNew, stored } = await this.syncImage(base, image, progress, options);
      (isNew ? result.added : result.unchanged).push(stored);
    }
    result.removed = await this.removeOld(base, wanted, request.newestVersions ?? 1);
    return result;
  }

  private async readImages(base: URL, keys: readonly Key[], signal?: AbortSignal): Promise<StreamImage[]> {
    const read = async (url: URL, maxBytes: number) => {
      const document = await this.http.getBody(url.href, { maxBytes, signal });
      return readSignedText(url.href, document, keys, this.clock.now());
    };
    const indexUrl = within(base, INDEX_PATH);
    const paths = parseIndex(indexUrl.href, await read(indexUrl, LARGEST_INDEX_BYTES));
    const images: StreamImage[] = [];
    for (const path of paths) {
      const url = within(base, path);
      images.push(...parseProducts(url.href, await read(url, LARGEST_PRODUCTS_BYTES)));
    }
    return images;
  }

  private async syncImage(
    base: URL,
    image: ChosenImage,
    progress: Progress,
    options: SyncOptions,
  ): Promise<{ isNew: boolean; stored: Image }> {
    const known = await this.catalog.findVersion({ kind: 'os', ...image });
    const fetched = known === null ? null : await this.findUnchanged(known, image);
    if (fetched !== null) {
      progress.doneBytes += image.files.reduce((sum, file) => sum + file.sizeBytes, 0);
      return { isNew: false, stored: fetched };
    }
    const files: NewImageFile[] = [];
    for (const file of image.files) {
      files.push(await this.fetch(base, file, progress, options));
      progress.doneBytes += file.sizeBytes;
    }
    const { os, release, architecture, variant, version } = image;
    const stored = await this.catalog.record(
      {
        ...{ kind: 'os', os, release, architecture, variant, version, files },
        source: base.href,
        labels: { product: image.product, codename: image.codename, label: image.label, ...sourcesOf(image) },
        createdAt: dateOf(version) ?? this.clock.now(),
      },
      { replace: true },
    );
    return { isNew: true, stored };
  }

  /** Converted files have another hash than the stream's, so the stream's are kept as labels. */
  private async findUnchanged(known: Image, image: ChosenImage): Promise<Image | null> {
    const sources = sourcesOf(image);
    if (Object.entries(sources).some(([name, sha256]) => known.labels[name] !== sha256)) return null;
    for (const file of known.files) if ((await this.store.find(file.sha256)) === null) return null;
    return known;
  }

  private async fetch(base: URL, file: ChosenFile, progress: Progress, options: SyncOptions): Promise<NewImageFile> {
    const { role, sha256, sizeBytes } = file;
    const path = await this.store.newPartialPath(sha256);
    const name = file.path.split('/').slice(-2).join('/');
    await this.http.download(within(base, file.path).href, path, {
      sha256,
      sizeBytes,
      signal: options.signal,
      onProgress: ({ bytes }) => {
        const percent = Math.floor(((progress.doneBytes + bytes) * 100) / Math.max(1, progress.totalBytes));
        options.onProgress?.(Math.min(99, percent), `fetching ${name}`);
      },
    });
    this.log.debug({ file: name, sha256 }, 'fetched and checked');
    if (role !== 'root-tar' && role !== 'disk') {
      await this.store.adopt(path, { sha256, sizeBytes });
      return { role, sha256, sizeBytes, compression: 'none', unpackedBytes: null };
    }
    const imported = await importContent(this.store, path, { sha256, signal: options.signal });
    await this.store.dropPartial(sha256);
    if (ROLE_OF_FORM[imported.form] !== role) {
      throw new MusterError(
        'invalid',
        `cannot use ${file.path}: it is no ${role}, as the stream says, but ${imported.form}`,
      );
    }
    const { content, compression, unpackedBytes } = imported;
    return { role, sha256: content.sha256, sizeBytes: content.sizeBytes, compression, unpackedBytes };
  }

  private async removeOld(base: URL, wanted: readonly ChosenImage[], newestVersions: number): Promise<Image[]> {
    const groups = new Set(wanted.map(identityOf));
    const mine = (await this.catalog.list()).filter(
      (image) => image.source === base.href && groups.has(identityOf(image)),
    );
    const old = [...groupByIdentity(mine).values()].flatMap((group) => group.sort(newestFirst).slice(newestVersions));
    const removed: Image[] = [];
    for (const image of old) if (await this.removeUnused(image)) removed.push(image);
    return removed;
  }

  private async removeUnused(image: Image): Promise<boolean> {
    try {
      await this.catalog.delete(image.id);
      return true;
    } catch (error) {
      if (error instanceof MusterError && error.kind === 'conflict') return false;
      throw error;
    }
  }
}

function sourcesOf(image: ChosenImage): Record<string, string> {
  return Object.fromEntries(image.files.map((file) => [`sha256:${file.role}`, file.sha256]));
}

function baseOf(url: string): URL {
  try {
    return new URL(url.endsWith('/') ? url : `${url}/`);
  } catch (error) {
    throw new MusterError('invalid', `cannot use "${url}" as a stream's URL`, { cause: error });
  }
}

/** A document may name only files below its stream. */
function within(base: URL, path: string): URL {
  const url = URL.canParse(path, base.href) ? new URL(path, base) : null;
  if (url !== null && url.origin === base.origin && url.pathname.startsWith(base.pathname)) return url;
  throw new MusterError('invalid', `cannot follow the stream ${base.href} to "${path}": it leads out of the stream`);
}

/** Versions are dates with a serial: `20240821.1`. */
function dateOf(version: string): Date | null {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)(?:\D|$)/.exec(version) ?? [];
  const date = new Date(`${year ?? ''}-${month ?? ''}-${day ?? ''}T00:00:00Z`);
  return Number.isNaN(date.getTime()) ? null : date;
}
