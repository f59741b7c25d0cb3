import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, type Stats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError } from '../../error.js';
import { syncFolder } from '../../platform/files/index.js';

/** Bytes in the store. */
export interface Content {
  /** Lower-case hex, of the bytes as they are stored. */
  sha256: string;
  sizeBytes: number;
  path: string;
  /** Where an nginx in front finds it, if there is one that sends such bytes itself. */
  handOffTo?: string;
}

export interface Expectation {
  sha256?: string;
  sizeBytes?: number;
}

const READ_BYTES = 1 << 20;
/** What no image refers to is kept this long: it may belong to an import that has not been recorded yet. */
const GRACE_MS = 60 * 60_000;
/** A download that nobody went on with for this long is given up. */
const PARTIAL_GRACE_MS = 7 * 24 * GRACE_MS;

/**
 * Files by the hash of their bytes: `<dir>/sha256/<first 2>/<sha256>`. A file appears there whole and verified or not at
 * all, also after a power cut, and is never written again.
 */
export class ContentStore {
  constructor(
    private readonly dir: string,
    /** An nginx's internal location of `<dir>/sha256`. */
    private readonly handOffPrefix?: string,
  ) {}

  pathOf(sha256: string): string {
    if (!/^[0-9a-f]{64}$/.test(sha256)) throw new MusterError('invalid', `cannot use "${sha256}" as a SHA-256`);
    return join(this.dir, 'sha256', sha256.slice(0, 2), sha256);
  }

  /** A name on the store's file system for something that will be adopted. Its folder exists. */
  async newTemporaryPath(): Promise<string> {
    const folder = join(this.dir, 'incoming');
    await mkdir(folder, { recursive: true });
    return join(folder, randomBytes(12).toString('hex'));
  }

  /** Where a download of this content goes on, in this process or the next. Its folder exists. */
  async newPartialPath(sha256: string): Promise<string> {
    const folder = join(this.dir, 'partial');
    await mkdir(folder, { recursive: true });
    return join(folder, basename(this.pathOf(sha256)));
  }

  async dropPartial(sha256: string): Promise<void> {
    await rm(await this.newPartialPath(sha256), { force: true });
  }

  async find(sha256: string): Promise<Content | null> {
    const path = this.pathOf(sha256);
    const found = await findFile(path);
    return found === null ? null : this.contentAt(sha256, found.size);
  }

  async get(sha256: string): Promise<Content> {
    const content = await this.find(sha256);
    if (content !== null) return content;
    throw new MusterError('not-found', `cannot read content ${sha256}: it is not in the image store`, {
      hint: 'muster images verify tells what is missing; build, import or sync the image again',
    });
  }

  /** Like `find`, and keeps what it finds from being collected while its image is being recorded. */
  async freshen(sha256: string, now: Date): Promise<Content | null> {
    const content = await this.find(sha256);
    if (content !== null) await utimes(content.path, now, now);
    return content;
  }

  /** Copies a stream in. Throws, and keeps nothing, when it is not what was expected. */
  async add(source: AsyncIterable<Buffer>, expected: Expectation = {}, signal?: AbortSignal): Promise<Content> {
    const temporary = await this.newTemporaryPath();
    try {
      const hash = createHash('sha256');
      const hasher = new Transform({
        transform(chunk: Buffer, _, done) {
          hash.update(chunk);
          done(null, chunk);
        },
      });
      await pipeline(source, hasher, createWriteStream(temporary, { highWaterMark: READ_BYTES }), { signal });
      return await this.place(temporary, hash.digest('hex'), expected);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Copies a file in. */
  addFile(path: string, expected: Expectation = {}, signal?: AbortSignal): Promise<Content> {
    return this.add(createReadStream(path, { highWaterMark: READ_BYTES }), expected, signal);
  }

  /** Takes a file over: it is read and hashed, then moved. It must be on the store's file system (`newTemporaryPath`). */
  async adopt(path: string, expected: Expectation = {}): Promise<Content> {
    return this.place(path, await hashFile(path), expected);
  }

  /** Whether the stored bytes are still what their name says. */
  async isIntact(sha256: string): Promise<boolean> {
    return (await hashFile(this.pathOf(sha256))) === sha256;
  }

  /** Every hash in the store, sorted. */
  async list(): Promise<string[]> {
    const folders = await readFolder(join(this.dir, 'sha256'));
    const names = await Promise.all(folders.map((folder) => readFolder(join(this.dir, 'sha256', folder))));
    return names.flat().sort();
  }

  async remove(sha256: string): Promise<void> {
    await rm(this.pathOf(sha256), { force: true });
  }

  /** Removes what is not `kept`, and what broken imports left. Young files stay: their image may not be recorded yet. */
  async collect(kept: ReadonlySet<string>, now: Date): Promise<{ removed: string[]; freedBytes: number }> {
    const unused = (await this.list()).filter((sha256) => !kept.has(sha256)).map((sha256) => this.pathOf(sha256));
    const old = [
      ...(await olderThan(unused, GRACE_MS, now)),
      ...(await olderThan(await pathsIn(join(this.dir, 'incoming')), GRACE_MS, now)),
      ...(await olderThan(await pathsIn(join(this.dir, 'partial')), PARTIAL_GRACE_MS, now)),
    ];
    for (const { path } of old) await rm(path, { recursive: true, force: true });
    return { removed: old.map(({ path }) => path), freedBytes: old.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
  }

  private async place(temporary: string, sha256: string, expected: Expectation): Promise<Content> {
    const { size } = await stat(temporary);
    refuseOther({ sha256, sizeBytes: size }, expected);
    const path = this.pathOf(sha256);
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, 'r+');
    try {
      await handle.chmod(0o644);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Replaces an earlier copy of the same bytes, which mends a broken one and makes it young again for `collect`.
    const now = new Date();
    await utimes(temporary, now, now);
    await rename(temporary, path);
    await syncFolder(dirname(path));
    return this.contentAt(sha256, size);
  }

  private contentAt(sha256: string, sizeBytes: number): Content {
    const content = { sha256, sizeBytes, path: this.pathOf(sha256) };
    if (this.handOffPrefix === undefined) return content;
    return { ...content, handOffTo: `${this.handOffPrefix}/${sha256.slice(0, 2)}/${sha256}` };
  }
}

function refuseOther(actual: { sha256: string; sizeBytes: number }, expected: Expectation): void {
  if (expected.sizeBytes !== undefined && expected.sizeBytes !== actual.sizeBytes) {
    throw new MusterError('invalid', `cannot store this: ${actual.sizeBytes} bytes came, not ${expected.sizeBytes}`);
  }
  if (expected.sha256 !== undefined && expected.sha256 !== actual.sha256) {
    throw new MusterError('invalid', `cannot store this: its SHA-256 is ${actual.sha256}, not ${expected.sha256}`, {
      hint: 'the source is damaged or was tampered with; fetch it again',
    });
  }
}

export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

async function findFile(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function readFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function pathsIn(folder: string): Promise<string[]> {
  return (await readFolder(folder)).map((name) => join(folder, name));
}

async function olderThan(
  paths: readonly string[],
  ageMs: number,
  now: Date,
): Promise<{ path: string; sizeBytes: number }[]> {
  const old: { path: string; sizeBytes: number }[] = [];
  for (const path of paths) {
    const found = await findFile(path);
    if (found !== null && now.getTime() - found.mtimeMs >= ageMs) old.push({ path, sizeBytes: found.size });
  }
  return old;
}
