import type { BuildRequest, ImagesService } from '../../images/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { step, type JsonObject, type StepSpec } from '../../plan/index.js';
import { reporterFor } from './report-progress.js';

const KIND = 'image.build';
const TARGET = /^(debian|ubuntu)@([a-z0-9.]+)$/;

/** `memory`, or an operating system as people name it: `debian@12`. */
export interface BuildInput {
  target: string;
  kernel?: 'generic' | 'cloud' | 'none';
  mirror?: string;
  /** Packages on top of the standard list. */
  include?: string[];
}

/** The step that builds an image. Its lane lets one build at a time: they share caches and are heavy. */
export function imageBuildStep(input: BuildInput): StepSpec {
  const given: JsonObject = { target: input.target };
  if (input.kernel !== undefined) given.kernel = input.kernel;
  if (input.mirror !== undefined) given.mirror = input.mirror;
  if (input.include !== undefined) given.include = input.include;
  return step({
    key: `image/${input.target}`,
    kind: KIND,
    title: `build ${input.target}`,
    lane: 'image-build',
    input: given,
    timeoutSeconds: 3600,
    stallSeconds: 900,
    retries: 1,
  });
}

/** Builds within the delivery, which is kept alive meanwhile: what a killed worker had begun is built again. */
export class ImageBuildHandler implements StepHandler {
  readonly kind = KIND;

  constructor(private readonly images: ImagesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const request = requestOf(context.input);
    const report = reporterFor(context);
    const image = await this.images.build(request, { onProgress: report.onProgress, signal: context.signal });
    await report.told();
    return { kind: 'done', outputs: { image: image.id, version: image.version } };
  }
}

function requestOf(input: JsonObject): BuildRequest {
  const target = typeof input.target === 'string' ? input.target : '';
  const [, os, release] = TARGET.exec(target) ?? [];
  const kernel: BuildRequest['kernel'] =
    input.kernel === 'cloud' || input.kernel === 'generic' || input.kernel === 'none' ? input.kernel : undefined;
  const mirror = typeof input.mirror === 'string' ? input.mirror : undefined;
  const include = Array.isArray(input.include) ? input.include.filter((name) => typeof name === 'string') : undefined;
  const common: Omit<BuildRequest, 'target'> = { kernel, mirror, include };
  if ((os === 'debian' || os === 'ubuntu') && release !== undefined) return { target: { os, release }, ...common };
  return { target: 'memory', ...common };
}
