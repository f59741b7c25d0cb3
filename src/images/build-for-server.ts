import { chmod } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, MusterError } from '../error.js';
import { buildMemoryEnvironment, buildOsImage } from './build/index.js';
import { buildRequest, builderQuestion } from './build-requests.js';
import type { ImageBuilders } from './image-builders.js';

/**
 * The supervisor's side: builds what its unprivileged server asks for, and tells how far it is. Messages of other kinds
 * are not its business.
 */
export class BuildForServer {
  private readonly running = new Map<number, AbortController>();

  constructor(
    private readonly cacheDir: string,
    private readonly tell: (message: object) => void,
    private readonly builders: ImageBuilders = { buildMemoryEnvironment, buildOsImage },
  ) {}

  hear(message: unknown): void {
    const question = builderQuestion.safeParse(message).data;
    if (question?.kind === 'image.build-stop') this.running.get(question.id)?.abort();
    if (question?.kind === 'image.build') void this.build(question.id, question.order);
  }

  /** The server has ended: nobody waits for what is being built. */
  stop(): void {
    for (const running of this.running.values()) running.abort();
  }

  private async build(id: number, order: unknown): Promise<void> {
    const stopped = new AbortController();
    this.running.set(id, stopped);
    try {
      const result = await this.carryOut(order, id, stopped.signal);
      await openToReaders(result);
      this.tell({ kind: 'image.built', id, result });
    } catch (error) {
      const hint = error instanceof MusterError ? error.hint : undefined;
      this.tell({ kind: 'image.failed', id, message: messageOf(error), hint });
    } finally {
      this.running.delete(id);
    }
  }

  private carryOut(order: unknown, id: number, signal: AbortSignal): Promise<object> {
    const checked = buildRequest.parse(order);
    const onProgress = (percent: number, message: string) =>
      this.tell({ kind: 'image.progress', id, percent, message });
    const { kernel, include, mirror } = checked;
    const options = { cacheDir: this.cacheDir, kernel, include, mirror, onProgress, signal };
    if (checked.target === 'memory') return this.builders.buildMemoryEnvironment(options);
    const { os, release, baked } = checked;
    return this.builders.buildOsImage({ ...options, os, release, ...(baked === undefined ? {} : { baked }) });
  }
}

/** The server reads them as another user, and copies them into its store. */
async function openToReaders(result: object): Promise<void> {
  for (const file of Object.values(result) as unknown[]) {
    if (typeof file !== 'object' || file === null || !('path' in file) || typeof file.path !== 'string') continue;
    await chmod(dirname(file.path), 0o755);
    await chmod(file.path, 0o644);
  }
}
