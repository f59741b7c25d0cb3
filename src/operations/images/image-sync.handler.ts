import type { ImagesService } from '../../images/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { step, type JsonObject, type StepSpec } from '../../plan/index.js';
import { reporterFor } from './report-progress.js';

const KIND = 'image.sync';

export interface SyncInput {
  /** Default: the one in the settings. */
  url?: string;
  releases: string[];
  architectures: string[];
  variant?: string;
}

/** The step that fetches images from a simplestreams source. */
export function imageSyncStep(input: SyncInput): StepSpec {
  const given: JsonObject = { releases: input.releases, architectures: input.architectures };
  if (input.url !== undefined) given.url = input.url;
  if (input.variant !== undefined) given.variant = input.variant;
  return step({
    key: 'image/sync',
    kind: KIND,
    title: 'fetch images',
    lane: 'image-sync',
    input: given,
    timeoutSeconds: 6 * 3600,
    stallSeconds: 300,
    retries: 5,
  });
}

/** Fetches within the delivery; a download that broke off goes on where it was at the next try. */
export class ImageSyncHandler implements StepHandler {
  readonly kind = KIND;

  constructor(private readonly images: ImagesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { url, variant } = context.input;
    const releases = textsOf(context.input.releases);
    const architectures = textsOf(context.input.architectures);
    const report = reporterFor(context);
    const result = await this.images.sync(
      {
        url: typeof url === 'string' ? url : undefined,
        releases: releases.length === 0 ? undefined : releases,
        architectures: architectures.length === 0 ? undefined : architectures,
        variants: typeof variant === 'string' ? [variant] : undefined,
      },
      { onProgress: report.onProgress, signal: context.signal },
    );
    await report.told();
    const { added, unchanged, removed } = result;
    return { kind: 'done', outputs: { added: added.length, unchanged: unchanged.length, removed: removed.length } };
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
