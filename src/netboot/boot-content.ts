import type { DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import {
  type BootFiles,
  type ContentStore,
  Image,
  type ImageFileRole,
  selectImage,
  type ServableFile,
} from '../images/index.js';
import type { BootNonce } from '../machines/index.js';
import type { Clock } from '../platform/clock.js';

/** The files that a booting machine may fetch, each by an exact name. */
export interface BootContent {
  /** By name in the boot files' manifest. */
  bootFile(name: string): ServableFile | null;
  /** The newest memory environment of this architecture. */
  memoryFile(architecture: string, role: 'kernel' | 'initrd'): Promise<ServableFile | null>;
  /** By hash. */
  image(sha256: string): Promise<ServableFile | null>;
}

/** The memory environment for the machine of this nonce. Throws where there is none for its architecture. */
export async function memoryFileFor(
  content: Pick<BootContent, 'memoryFile'>,
  { architecture }: Pick<BootNonce, 'architecture'>,
  role: 'kernel' | 'initrd',
): Promise<ServableFile> {
  const file = await content.memoryFile(architecture, role);
  if (file !== null) return file;
  throw new MusterError('unavailable', `cannot boot into memory: there is no environment for ${architecture}`, {
    hint: 'muster images build memory',
  });
}

const KEPT_MS = 2000;

/** Boot content out of the image store. */
export class StoredBootContent implements BootContent {
  /** Many machines ask for the same kernel at once. */
  private readonly recent = new Map<string, { at: number; file: Promise<ServableFile | null> }>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly store: ContentStore,
    private readonly bootFiles: BootFiles,
    private readonly clock: Clock,
  ) {}

  bootFile(name: string): ServableFile | null {
    return this.bootFiles.find(name);
  }

  memoryFile(architecture: string, role: 'kernel' | 'initrd'): Promise<ServableFile | null> {
    const key = `${architecture} ${role}`;
    const now = this.clock.now().getTime();
    const known = this.recent.get(key);
    if (known !== undefined && now - known.at < KEPT_MS) return known.file;
    const file = this.newest(architecture, role);
    this.recent.set(key, { at: now, file });
    file.catch(() => this.recent.delete(key));
    return file;
  }

  async image(sha256: string): Promise<ServableFile | null> {
    return this.store.find(sha256);
  }

  private async newest(architecture: string, role: ImageFileRole): Promise<ServableFile | null> {
    const images = await this.dataSource
      .getRepository(Image)
      .find({ where: { kind: 'memory', architecture }, relations: { files: true } });
    const file = selectImage(images, { kind: 'memory', architecture })?.files.find((each) => each.role === role);
    return file === undefined ? null : this.store.get(file.sha256);
  }
}
