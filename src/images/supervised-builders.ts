import { MusterError } from '../error.js';
import type { BuildProgress, KernelFlavour, MemoryEnvironment, OsImage } from './build/index.js';
import { type BuildOrder, builderAnswer } from './build-requests.js';
import type { ImageBuilders } from './image-builders.js';

/** A process channel, as `process` has one when it was forked. */
export interface BuilderChannel {
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
}

interface Waiting {
  onProgress: BuildProgress | undefined;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/** Has images built by the supervisor, which is root: this process may not unpack packages. */
export class SupervisedBuilders implements ImageBuilders {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor(private readonly channel: BuilderChannel) {
    channel.onMessage((message) => this.hear(message));
  }

  buildMemoryEnvironment(options: Parameters<ImageBuilders['buildMemoryEnvironment']>[0]): Promise<MemoryEnvironment> {
    return this.ask({ target: 'memory', ...common(options) }, options) as Promise<MemoryEnvironment>;
  }

  buildOsImage(options: Parameters<ImageBuilders['buildOsImage']>[0]): Promise<OsImage> {
    const { os, release, baked } = options;
    const files = baked?.files.map(({ path, sha256, fileName }) => ({ path, sha256, fileName })) ?? [];
    const more = baked === undefined ? {} : { baked: { masked: [...baked.masked], files } };
    return this.ask({ target: 'os', os, release, ...common(options), ...more }, options) as Promise<OsImage>;
  }

  private ask(order: BuildOrder, options: { onProgress?: BuildProgress; signal?: AbortSignal }): Promise<unknown> {
    const id = ++this.lastId;
    const { onProgress, signal } = options;
    signal?.addEventListener('abort', () => this.channel.send({ kind: 'image.build-stop', id }), { once: true });
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { onProgress, resolve, reject });
      this.channel.send({ kind: 'image.build', id, order });
    });
  }

  private hear(message: unknown): void {
    const answer = builderAnswer.safeParse(message).data;
    const waiting = answer === undefined ? undefined : this.waiting.get(answer.id);
    if (answer === undefined || waiting === undefined) return;
    if (answer.kind === 'image.progress') {
      waiting.onProgress?.(answer.percent, answer.message);
      return;
    }
    this.waiting.delete(answer.id);
    if (answer.kind === 'image.built') waiting.resolve(answer.result);
    else waiting.reject(new MusterError('internal', answer.message, { hint: answer.hint }));
  }
}

function common(options: { kernel?: KernelFlavour; include?: readonly string[]; mirror?: string }) {
  const { kernel, include, mirror } = options;
  return { kernel, mirror, include: include === undefined ? undefined : [...include] };
}
