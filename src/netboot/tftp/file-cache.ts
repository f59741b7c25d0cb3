import { readFile, stat } from 'node:fs/promises';

const LARGEST_CACHE_BYTES = 256 * 1024 * 1024;

interface Cached {
  content: Promise<Buffer>;
  version: string;
  bytes: number;
}

/** Boot files in memory, so that no block waits for a disk. A file that changed on disk is read again. */
export class FileCache {
  private readonly files = new Map<string, Cached>();
  private bytes = 0;

  constructor(private readonly mostBytes = LARGEST_CACHE_BYTES) {}

  /** Rejects where the file cannot be read. Thousands that ask at once share one read. */
  async read(path: string): Promise<Buffer> {
    const { mtimeMs, size } = await stat(path);
    const version = `${mtimeMs} ${size}`;
    const known = this.files.get(path);
    if (known?.version === version) {
      this.files.delete(path);
      this.files.set(path, known);
      return known.content;
    }
    this.forget(path);
    const cached: Cached = { content: readFile(path), version, bytes: size };
    this.files.set(path, cached);
    this.bytes += size;
    this.shrink(path);
    try {
      return await cached.content;
    } catch (error) {
      if (this.files.get(path) === cached) this.forget(path);
      throw error;
    }
  }

  /** The longest unused go first; what is being sent keeps its own hold on the bytes. */
  private shrink(except: string): void {
    for (const path of this.files.keys()) {
      if (this.bytes <= this.mostBytes) return;
      if (path !== except) this.forget(path);
    }
    if (this.bytes > this.mostBytes) this.forget(except);
  }

  private forget(path: string): void {
    this.bytes -= this.files.get(path)?.bytes ?? 0;
    this.files.delete(path);
  }
}
