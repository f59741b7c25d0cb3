import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Extract, type Header } from 'tar-stream';
import { messageOf, MusterError } from '../../error.js';
import { filesOf, MANIFEST, readManifest, type ArchivedFile, type Manifest } from './manifest.js';

type Entry = Extract extends AsyncIterable<infer Source> ? Source : never;

const BLOCK = 512;
const MANIFEST_MOST_BYTES = 64 << 20;
const READ_BYTES = 1 << 20;
/** Equal content, equal archive. */
const TIME = new Date(0);

const padded = (bytes: number) => Math.ceil(bytes / BLOCK) * BLOCK;

/** How long the archive will be: POSIX ustar, a header a file, two empty blocks at the end. */
export function archiveBytes(manifest: Manifest): number {
  const sizes = [Buffer.byteLength(textOf(manifest)), ...filesOf(manifest).map(({ sizeBytes }) => sizeBytes)];
  return sizes.reduce((sum, bytes) => sum + BLOCK + padded(bytes), 2 * BLOCK);
}

/**
 * The archive's bytes as a stream, which stops where nobody reads; equal manifests give equal bytes. `open` gives those
 * of a file. Where one is not what the manifest says the stream ends with an error.
 */
export function writeArchive(manifest: Manifest, open: (file: ArchivedFile) => Readable): Readable {
  const tar = pack({});
  const write = async () => {
    const text = textOf(manifest);
    tar.entry({ ...header(MANIFEST), size: Buffer.byteLength(text) }, text);
    for (const file of filesOf(manifest)) {
      const head = { ...header(file.name), size: file.sizeBytes };
      if (file.sizeBytes === 0) tar.entry(head, '');
      else await pipeline(checked(open(file), file), tar.entry(head) as unknown as NodeJS.WritableStream);
    }
    tar.finalize();
  };
  write().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return Readable.from(tar, { objectMode: false });
}

const header = (name: string) => ({ name, type: 'file' as const, mode: 0o644, mtime: TIME });
const textOf = (manifest: Manifest) => `${JSON.stringify(manifest, null, 1)}\n`;

/** Takes the files of an archive as they come. Nothing counts until `readArchive` has come to its end. */
export interface ArchiveSink {
  /** The manifest is in order; what follows is not known to be. */
  begin(manifest: Manifest): Promise<void>;
  /** Has to read all of `bytes`, which fail where they are not what the manifest says. */
  take(file: ArchivedFile, bytes: AsyncIterable<Buffer>): Promise<void>;
}

export interface ReadOptions {
  /** Of the whole file, where it is known. */
  sha256?: string;
  signal?: AbortSignal;
  /** Bytes of the archive so far. */
  onBytes?: (bytes: number) => void;
}

/**
 * Reads an archive once, from its beginning to its end. Anything that its manifest does not name, in the order and with
 * the size and the sum that stand there, ends it with an error: links, other paths, doubles, missing and longer files.
 */
export async function readArchive(path: string, sink: ArchiveSink, options: ReadOptions = {}): Promise<Manifest> {
  const file = createReadStream(path, { highWaterMark: READ_BYTES });
  const tar = extract();
  const hash = createHash('sha256');
  let seen = 0;
  file.on('data', (chunk) => {
    hash.update(chunk);
    options.onBytes?.((seen += chunk.length));
  });
  // What goes wrong with the file is told by the entries' side.
  const fed = pipeline(file, tar as unknown as NodeJS.WritableStream, { signal: options.signal }).catch(
    () => undefined,
  );
  try {
    const manifest = await readEntries(tar, sink);
    await fed;
    const found = hash.digest('hex');
    if (options.sha256 !== undefined && found !== options.sha256) throw broken(`its SHA-256 is ${found}`);
    return manifest;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error instanceof MusterError ? error : broken(messageOf(error), error);
  } finally {
    tar.destroy();
    file.destroy();
    await fed;
  }
}

async function readEntries(entries: AsyncIterable<Entry>, sink: ArchiveSink): Promise<Manifest> {
  let manifest: Manifest | null = null;
  let expected: ArchivedFile[] = [];
  let at = 0;
  for await (const entry of entries) {
    if (manifest === null) {
      manifest = readManifest(await manifestText(entry));
      expected = filesOf(manifest);
      await sink.begin(manifest);
      continue;
    }
    const file = expected[at++];
    refuseOther(entry.header, file);
    await sink.take(file, checked(entry as AsyncIterable<Buffer>, file));
  }
  if (manifest === null) throw broken('it is empty');
  const [missing] = expected.slice(at);
  if (missing !== undefined) throw broken(`it ends before ${missing.name}`);
  return manifest;
}

function refuseOther({ name, type, size }: Header, file: ArchivedFile | undefined): asserts file is ArchivedFile {
  if (file === undefined) throw broken(`its manifest does not name ${shown(name)}`);
  if (type !== 'file') throw broken(`${shown(name)} is no plain file`);
  if (name !== file.name) throw broken(`${shown(name)} stands where its manifest has ${file.name}`);
  if (size !== file.sizeBytes) throw broken(`${file.name} has ${size} bytes, and not ${file.sizeBytes}`);
}

async function manifestText(entry: Entry): Promise<string> {
  const { name, type, size } = entry.header;
  if (name !== MANIFEST || type !== 'file') throw broken(`it begins with ${shown(name)} instead of ${MANIFEST}`);
  if (size > MANIFEST_MOST_BYTES) throw broken(`its manifest has ${size} bytes`);
  const parts: Buffer[] = [];
  for await (const part of entry) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

async function* checked(entry: AsyncIterable<Buffer>, { name, sha256 }: ArchivedFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const part of entry) {
    hash.update(part);
    yield part;
  }
  const found = hash.digest('hex');
  if (found !== sha256) throw broken(`the SHA-256 of ${name} is ${found}`);
}

/** A name is somebody else's text. */
const shown = (name: string) => JSON.stringify(name.slice(0, 200));

function broken(why: string, cause?: unknown): MusterError {
  return new MusterError('invalid', `cannot use this archive: ${why}`, {
    hint: 'it is damaged or was tampered with, or no archive of `muster bundles export`',
    ...(cause === undefined ? {} : { cause }),
  });
}
