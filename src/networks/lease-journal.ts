import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { messageOf, MusterError } from '../error.js';
import { syncFolder } from '../platform/files/index.js';
import type { Lease } from './lease.js';

/**
 * What every acknowledged lease is written to before its ACK leaves: one line each, `<crc32 in hex> <JSON>`, appended
 * and fsynced in groups (all that gather while one fsync runs share the next).
 *
 * The last line may be torn by a crash: it was never acknowledged and is cut off. A line that is wrong in the middle is
 * a fault of the disk: it is skipped and counted.
 */
export class LeaseJournal {
  private waiting: Waiting[] = [];
  private writing: Promise<void> | null = null;
  private compaction: Compaction | null = null;
  private broken: Error | null = null;
  private linesNow: number;

  private constructor(
    private readonly path: string,
    private file: FileHandle,
    lines: number,
  ) {
    this.linesNow = lines;
  }

  /** Opens the journal and gives what it holds, oldest first. Throws (`internal`) where the disk does not let it. */
  static async open(path: string): Promise<{ journal: LeaseJournal; leases: Lease[]; damagedLines: number }> {
    try {
      await mkdir(dirname(path), { recursive: true });
      const file = await open(path, 'a');
      const content = readLines(await readFile(path));
      await file.truncate(content.wholeBytes);
      await file.datasync();
      await syncFolder(dirname(path));
      return {
        journal: new LeaseJournal(path, file, content.leases.length),
        leases: content.leases,
        damagedLines: content.damagedLines,
      };
    } catch (error) {
      throw new MusterError('internal', `cannot open the lease journal ${path}: ${messageOf(error)}`, {
        hint: 'Leases are kept there before they are given; check the disk and the rights of the data folder',
        cause: error,
      });
    }
  }

  /** Lines in the file: what {@link compact} would shorten. */
  get lines(): number {
    return this.linesNow;
  }

  /** Resolves once the lease is on disk. Rejects where it could not be written: then it must not be acknowledged. */
  append(lease: Lease): Promise<void> {
    if (this.broken !== null) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      this.waiting.push({ line: encodeLine(lease), resolve, reject });
      this.writing ??= this.work();
    });
  }

  /**
   * Rewrites the file with the leases that `snapshot` gives when its turn comes: a new file, fsynced, then renamed over
   * the old one. Every lease that was ever appended must be in the snapshot, or superseded there.
   */
  compact(snapshot: () => Iterable<Lease>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.compaction = { snapshot, resolve, reject };
      this.writing ??= this.work();
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  /** One thing at a time: a group of lines, or a compaction. */
  private async work(): Promise<void> {
    for (;;) {
      if (this.compaction !== null) await this.rewrite(this.compaction);
      else if (this.waiting.length > 0) await this.writeGroup();
      else break;
    }
    this.writing = null;
  }

  private async writeGroup(): Promise<void> {
    const group = this.waiting;
    this.waiting = [];
    try {
      await this.file.appendFile(group.map((entry) => entry.line).join(''));
      await this.file.datasync();
      this.linesNow += group.length;
      for (const entry of group) entry.resolve();
    } catch (error) {
      this.fail(error, group);
    }
  }

  /** After a failed fsync nobody knows what is on disk: no lease is given any more until the journal is opened anew. */
  private fail(error: unknown, group: Waiting[]): void {
    this.broken = new MusterError('internal', `cannot write the lease journal ${this.path}: ${messageOf(error)}`, {
      hint: 'Free or repair the disk, then restart the boot server',
      cause: error,
    });
    for (const entry of [...group, ...this.waiting]) entry.reject(this.broken);
    this.waiting = [];
  }

  private async rewrite(compaction: Compaction): Promise<void> {
    this.compaction = null;
    const next = `${this.path}.new`;
    try {
      const lines = [...compaction.snapshot()].map(encodeLine);
      const file = await open(next, 'w');
      await file.writeFile(lines.join(''));
      await file.datasync();
      await rename(next, this.path);
      await syncFolder(dirname(this.path));
      const before = this.file;
      this.file = file;
      this.linesNow = lines.length;
      await before.close();
      compaction.resolve();
    } catch (error) {
      // The old file is still whole, and still the journal.
      compaction.reject(new Error(`cannot compact the lease journal ${this.path}: ${messageOf(error)}`));
    }
  }
}

interface Compaction {
  snapshot: () => Iterable<Lease>;
  resolve: () => void;
  reject: (error: Error) => void;
}

interface Waiting {
  line: string;
  resolve: () => void;
  reject: (error: Error) => void;
}

function encodeLine(lease: Lease): string {
  const json = JSON.stringify(lease);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

function readLines(content: Buffer): { leases: Lease[]; damagedLines: number; wholeBytes: number } {
  const leases: Lease[] = [];
  let damagedLines = 0;
  // Where the last good line ends: what follows is torn, or was never there.
  let wholeBytes = 0;
  for (let at = 0; at < content.length;) {
    const end = content.indexOf(10, at);
    const lease = decodeLine(content.toString('utf8', at, end === -1 ? content.length : end));
    at = end === -1 ? content.length : end + 1;
    if (lease === null || end === -1) damagedLines += end === -1 ? 0 : 1;
    else {
      leases.push(lease);
      wholeBytes = at;
    }
  }
  return { leases, damagedLines, wholeBytes };
}

function decodeLine(line: string): Lease | null {
  const json = line.slice(9);
  if (crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) return null;
  try {
    return JSON.parse(json) as Lease;
  } catch {
    // The sum fits by chance (an empty line, say); it is no record of ours.
    return null;
  }
}
