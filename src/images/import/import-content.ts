import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError } from '../../error.js';
import type { Compression } from '../image-file.entity.js';
import type { ImageForm } from '../select-image.js';
import { hashFile, type Content as StoredContent, type ContentStore } from '../store/content-store.js';
import { detectContent, type Packing } from './detect-format.js';
import { convertQcow2 } from './qcow2.js';
import { filterStream, readBeginning, unpackStream } from './unpack-stream.js';

/** Sectors of a disk, blocks of a tar (POSIX.1-2017 pax). */
const BLOCK_BYTES = 512;

export interface ImportedContent {
  form: ImageForm;
  compression: Compression;
  content: StoredContent;
  /** Null for a squashfs, which does not say what it unpacks to. */
  unpackedBytes: number | null;
}

export interface ImportOptions {
  /** Of the file as it is given. */
  sha256?: string;
  onProgress?: (percent: number, message: string) => void;
  signal?: AbortSignal;
}

/**
 * Brings a file into the store in a form that an agent can write: a tar or a disk as gzip or zstd, a squashfs as it is.
 * The file is told by its bytes, never by its name, and is unpacked once to its end, so that a broken one is found now.
 */
export async function importContent(
  store: ContentStore,
  path: string,
  options: ImportOptions = {},
): Promise<ImportedContent> {
  if (!(await stat(path)).isFile()) throw new MusterError('invalid', `cannot import ${path}: it is not a file`);
  await refuseOtherHash(path, options.sha256);
  const { packing, beginning } = await readBeginning(path);
  const found = detectContent(beginning);
  if (found === null) {
    throw new MusterError('invalid', `cannot import ${path}: it is no tar, squashfs, raw disk or qcow2`, {
      hint: 'an installer ISO cannot be deployed; take the root tarball or the cloud image of that release',
    });
  }
  if (found === 'qcow2') return importQcow2(store, path, packing, options);
  if (found === 'squashfs') return importSquashfs(store, path, packing, beginning, options);
  return importStream(store, path, packing, found, options);
}

async function refuseOtherHash(path: string, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined) return;
  const actual = await hashFile(path);
  if (actual === sha256) return;
  throw new MusterError('invalid', `cannot import ${path}: its SHA-256 is ${actual}, not ${sha256}`);
}

async function importStream(
  store: ContentStore,
  path: string,
  packing: Packing,
  form: ImageForm,
  options: ImportOptions,
): Promise<ImportedContent> {
  const count = new ByteCount((await stat(path)).size, packing, options.onProgress);
  const keepsPacking = packing === 'gzip' || packing === 'zstd';
  const unpacked = unpackStream(path, packing, options.signal);
  if (keepsPacking) {
    await pipeline(unpacked, count, discard(), { signal: options.signal });
    refuseTorn(path, count.bytes);
    const content = await store.addFile(path, {}, options.signal);
    return { form, compression: packing, content, unpackedBytes: count.bytes };
  }
  unpacked.on('error', (error) => count.destroy(error));
  const packed = filterStream(unpacked.pipe(count), ['zstd', '-q', '-3', '-T0'], options.signal);
  const content = await store.add(packed, {}, options.signal);
  refuseTorn(path, count.bytes);
  return { form, compression: 'zstd', content, unpackedBytes: count.bytes };
}

async function importSquashfs(
  store: ContentStore,
  path: string,
  packing: Packing,
  beginning: Buffer,
  options: ImportOptions,
): Promise<ImportedContent> {
  const content = await store.add(unpackStream(path, packing, options.signal), {}, options.signal);
  // Squashfs superblock: 64 bits at byte 40, "bytes used".
  const usedBytes = beginning.length < 48 ? Infinity : Number(beginning.readBigUInt64LE(40));
  if (usedBytes > content.sizeBytes) {
    throw new MusterError('invalid', `cannot import ${path}: ${usedBytes - content.sizeBytes} bytes of it are missing`);
  }
  return { form: 'squashfs', compression: 'none', content, unpackedBytes: null };
}

async function importQcow2(
  store: ContentStore,
  path: string,
  packing: Packing,
  options: ImportOptions,
): Promise<ImportedContent> {
  const [plain, raw] = [await store.newTemporaryPath(), await store.newTemporaryPath()];
  try {
    // Always of our own copy: what is given may be changed between the look at what it refers to and the conversion.
    await pipeline(unpackStream(path, packing, options.signal), createWriteStream(plain));
    options.onProgress?.(0, 'converting qcow2 to a raw disk');
    await convertQcow2(plain, raw, options.signal);
    return await importStream(store, raw, 'none', 'raw', options);
  } finally {
    await rm(plain, { force: true });
    await rm(raw, { force: true });
  }
}

function refuseTorn(path: string, unpackedBytes: number): void {
  if (unpackedBytes % BLOCK_BYTES === 0) return;
  throw new MusterError(
    'invalid',
    `cannot import ${path}: it ends in the middle of a block, after ${unpackedBytes} bytes`,
  );
}

/** Counts what passes. For packed files the percentage is a guess: nothing says how much is to come. */
class ByteCount extends Transform {
  bytes = 0;
  private told = -1;

  constructor(
    private readonly sizeBytes: number,
    private readonly packing: Packing,
    private readonly onProgress: ImportOptions['onProgress'],
  ) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: (error: null, chunk: Buffer) => void): void {
    this.bytes += chunk.length;
    const expectedBytes = Math.max(1, this.sizeBytes * (this.packing === 'none' ? 1 : 3));
    const percent = Math.min(99, Math.floor((this.bytes * 100) / expectedBytes));
    if (percent !== this.told) this.onProgress?.(percent, 'reading');
    this.told = percent;
    done(null, chunk);
  }
}

function discard(): Writable {
  return new Writable({ write: (_chunk: Buffer, _encoding, done) => done() });
}
