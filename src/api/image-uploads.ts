import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { CLOCK, SETTINGS } from '../platform/index.js';

interface Wanted {
  sizeBytes: number;
  sha256: string;
}

/** An upload that nobody went on with. */
const FORGET_AFTER_MS = 24 * 3600 * 1000;
const LARGEST_BYTES = 256 * 1024 ** 3;
const OPEN_AT_ONCE = 20;

/** Files that are being sent in pieces, under the data folder until they are imported. */
@Injectable()
export class ImageUploads {
  private readonly dir: string;

  constructor(
    @Inject(SETTINGS) settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.dir = join(settings.dataDir, 'uploads');
  }

  async begin(wanted: Wanted): Promise<string> {
    if (wanted.sizeBytes > LARGEST_BYTES) throw new MusterError('invalid', 'cannot take a file larger than 256 GiB');
    await mkdir(this.dir, { recursive: true, mode: 0o700 });
    if ((await this.forgetOld()) >= OPEN_AT_ONCE) {
      throw new MusterError('conflict', `cannot begin an upload: ${OPEN_AT_ONCE} are open`, {
        hint: 'finish those, or wait a day',
      });
    }
    const id = randomUUID();
    await writeFile(this.pathOf(id, 'json'), JSON.stringify(wanted), { mode: 0o600 });
    await writeFile(this.pathOf(id, 'part'), '', { mode: 0o600 });
    return id;
  }

  /**
   * Adds bytes at an offset, and answers how many are there. A piece that was there before is accepted again; one beyond
   * the end is not written, and the answer says where to go on.
   */
  async add(id: string, offset: number, bytes: Buffer): Promise<number> {
    const { sizeBytes } = await this.wanted(id);
    const path = this.pathOf(id, 'part');
    const { size } = await stat(path);
    if (offset > size) return size;
    if (offset + bytes.length > sizeBytes) {
      throw new MusterError('invalid', `cannot take ${bytes.length} bytes at ${offset}: the file has ${sizeBytes}`);
    }
    const handle = await open(path, 'r+');
    try {
      await handle.write(bytes, 0, bytes.length, offset);
    } finally {
      await handle.close();
    }
    return Math.max(size, offset + bytes.length);
  }

  /** Where a whole upload lies, and the hash that it must have. */
  async finished(id: string): Promise<{ path: string; sha256: string }> {
    const { sizeBytes, sha256 } = await this.wanted(id);
    const path = this.pathOf(id, 'part');
    const { size } = await stat(path);
    if (size === sizeBytes) return { path, sha256 };
    throw new MusterError('conflict', `cannot import this upload yet: ${size} of ${sizeBytes} bytes are there`);
  }

  /** Where a whole upload will lie for a run that reads it, and what it has to be; `handOver` brings it there. */
  async archiveOf(id: string): Promise<{ path: string; sizeBytes: number; sha256: string }> {
    const { sizeBytes, sha256 } = await this.wanted(id);
    await this.finished(id);
    return { path: this.pathOf(id, 'archive'), sizeBytes, sha256 };
  }

  async handOver(id: string): Promise<void> {
    await rename(this.pathOf(id, 'part'), this.pathOf(id, 'archive'));
    await this.forget(id);
  }

  async forget(id: string): Promise<void> {
    await rm(this.pathOf(id, 'part'), { force: true });
    await rm(this.pathOf(id, 'json'), { force: true });
  }

  private async wanted(id: string): Promise<Wanted> {
    if (!/^[0-9a-f-]{36}$/.test(id)) throw unknown(id);
    const text = await readFile(this.pathOf(id, 'json'), 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw unknown(id);
      throw error;
    });
    return JSON.parse(text) as Wanted;
  }

  private pathOf(id: string, extension: 'json' | 'part' | 'archive'): string {
    return join(this.dir, `${id}.${extension}`);
  }

  /** How many are left. */
  private async forgetOld(): Promise<number> {
    let left = 0;
    for (const name of (await readdir(this.dir)).filter((each) => !each.endsWith('.json'))) {
      const { mtimeMs } = await stat(join(this.dir, name));
      const isOld = this.clock.now().getTime() - mtimeMs > FORGET_AFTER_MS;
      if (isOld) await rm(join(this.dir, name), { force: true });
      if (isOld && name.endsWith('.part')) await this.forget(name.slice(0, -'.part'.length));
      if (!isOld) left += 1;
    }
    return left;
  }
}

function unknown(id: string): MusterError {
  return new MusterError('not-found', `cannot find upload ${id}`);
}
