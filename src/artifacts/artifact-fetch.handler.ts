import { z } from 'zod';
import { messageOf, MusterError } from '../error.js';
import type { ArtifactSource, StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import type { ArtifactCache, FetchOptions } from './artifact-cache.js';
import type { ArtifactPins } from './artifact-pins.js';
import { fileNameOf } from './mirrors.js';

const fetchInput = z.object({
  name: z.string(),
  url: z.string(),
  /** Empty: the checksum file tells it. */
  sha256: z.string().regex(/^([0-9a-f]{64})?$/),
  sha256From: z.string(),
  /** Of the node; stands for `${arch}` where it was not known when the plan was made. */
  arch: z.string().regex(/^[a-z0-9_]{2,16}$/),
  /** The steps can do without it. */
  optional: z.boolean(),
});
type FetchInput = z.infer<typeof fetchInput>;

const TELL_EVERY_MS = 1000;

/** Brings an artifact to this server. Publishes `url`, `sha256` and `fileName`. */
export class ArtifactFetchHandler implements StepHandler {
  readonly kind = 'artifact.fetch';
  readonly resumable = true;

  constructor(
    private readonly cache: ArtifactCache,
    private readonly pins: ArtifactPins,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = filled(fetchInput.parse(context.input));
    const published = { url: input.url, fileName: fileNameOf(input.url) };
    try {
      const sha256 = input.sha256 === '' ? await this.pins.sumOf(input.url, input.sha256From, context) : input.sha256;
      const present = await this.cache.find(sha256);
      if (present === null) await this.cache.fetch(input.url, sha256, reporting(context, published.fileName));
      return {
        kind: 'done',
        outputs: { ...published, sha256 },
        ...(present === null ? {} : { note: 'it is here already' }),
      };
    } catch (error) {
      if (!input.optional || context.signal.aborted || !isAbsence(error)) throw error;
      const note = `it cannot be had, and is optional: ${messageOf(error)}`;
      return { kind: 'done', outputs: { ...published, sha256: '' }, note };
    }
  }
}

/** An optional artifact may be away; one with another sum than it should have is a fault all the same. */
function isAbsence(error: unknown): boolean {
  return error instanceof MusterError && (error.kind === 'unavailable' || error.kind === 'not-found');
}

function filled(input: FetchInput): FetchInput {
  const fill = (text: string) => text.replaceAll('${arch}', input.arch);
  return { ...input, url: fill(input.url), sha256From: fill(input.sha256From) };
}

function reporting(context: StepContext, fileName: string): FetchOptions {
  let toldAt = 0;
  const mib = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  return {
    signal: context.signal,
    onProgress: ({ bytes, totalBytes }) => {
      const now = context.clock.now().getTime();
      if (now - toldAt < TELL_EVERY_MS) return;
      toldAt = now;
      const percent = totalBytes === null ? 0 : Math.floor((bytes / totalBytes) * 100);
      const of = totalBytes === null ? '' : ` of ${mib(totalBytes)}`;
      // Lost with the fence or with Postgres: the download itself is told by the signal.
      context.progress(percent, `fetching ${fileName}: ${mib(bytes)}${of} MiB`).catch(() => undefined);
    },
  };
}

/** Gives node steps their files; a server that did not fetch an artifact itself does so then. */
export function artifactSource(cache: ArtifactCache): ArtifactSource {
  return {
    open: async ({ url, sha256, fileName }, context) =>
      (await cache.find(sha256)) ?? cache.fetch(url, sha256, reporting(context, fileName)),
  };
}
