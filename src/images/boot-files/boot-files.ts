import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import type { Logger } from '../../platform/log/index.js';
import { hashFile } from '../store/content-store.js';
import type { BootArchitecture, GatheredFile } from './boot-file-list.js';
import { gatherBootFiles, isCurrent, readBootFileList, readGathered } from './gather.js';

const RETRY_MS = 15_000;

export interface BootFile {
  name: string;
  path: string;
  sizeBytes: number;
  sha256: string;
}

export interface BootFileSettings {
  dataDir: string;
  boot: { filesDir?: string; architectures: readonly BootArchitecture[] };
}

/** The boot files that may be served, by exact name. Each was read and its hash checked when it was loaded. */
export class BootFiles {
  private files: ReadonlyMap<string, BootFile> = new Map();
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly settings: BootFileSettings,
    private readonly log: Logger,
  ) {}

  /** From memory: never waits. Null before `load`, and for any name that is not in the manifest. */
  find(name: string): BootFile | null {
    return this.files.get(name) ?? null;
  }

  list(): BootFile[] {
    return [...this.files.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Loads now and, where that fails, again and again until it works: the archive may be away for a moment only. */
  async start(retryMs = RETRY_MS): Promise<void> {
    try {
      await this.load();
    } catch (error) {
      const hint = error instanceof MusterError ? error.hint : undefined;
      this.log.error({ reason: messageOf(error), hint }, 'cannot load the boot files; trying again');
      this.retry = setTimeout(() => void this.start(retryMs), retryMs).unref();
    }
  }

  stop(): void {
    clearTimeout(this.retry);
  }

  /**
   * Loads the operator's folder (`boot.filesDir`), or the gathered files. What is missing is gathered first, what does
   * not fit its manifest is gathered again.
   */
  async load(): Promise<void> {
    const { filesDir, architectures } = this.settings.boot;
    if (filesDir !== undefined) {
      this.files = byName(await readOperatorsFolder(filesDir));
      return;
    }
    const found = await this.findGathered();
    const wanted = (await readBootFileList()).filter((file) => architectures.includes(file.architecture));
    const current = await Promise.all(wanted.map((file) => isCurrent(file, found.get(file.name))));
    if (current.every(Boolean)) this.files = byName([...found.values()]);
    else await this.gather();
  }

  /** Takes the boot files from the packages anew, after an upgrade of those. */
  async gather(onProgress?: (percent: number, message: string) => void): Promise<GatheredFile[]> {
    const { dataDir, boot } = this.settings;
    if (boot.filesDir !== undefined) {
      throw new MusterError('conflict', `cannot gather boot files: boot.filesDir names ${boot.filesDir}`);
    }
    const gathered = await gatherBootFiles(dataDir, { architectures: boot.architectures, onProgress });
    this.files = byName(await readGathered(join(dataDir, 'boot-files')));
    this.log.info({ files: gathered.length }, 'gathered the boot files');
    return gathered;
  }

  private async findGathered(): Promise<ReadonlyMap<string, BootFile & GatheredFile>> {
    try {
      const files = await readGathered(join(this.settings.dataDir, 'boot-files'));
      return new Map(files.map((file) => [file.name, file]));
    } catch (error) {
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!isMissing) this.log.warn({ error }, 'the gathered boot files are damaged and are gathered again');
      return new Map();
    }
  }
}

function byName(files: readonly BootFile[]): ReadonlyMap<string, BootFile> {
  return new Map(files.map(({ name, path, sizeBytes, sha256 }) => [name, { name, path, sizeBytes, sha256 }]));
}

async function readOperatorsFolder(folder: string): Promise<BootFile[]> {
  const files: BootFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(folder, entry.name);
    files.push({ name: entry.name, path, sizeBytes: (await stat(path)).size, sha256: await hashFile(path) });
  }
  if (files.length > 0) return files;
  throw new MusterError('invalid', `cannot use ${folder} for boot files: there are none in it`);
}
