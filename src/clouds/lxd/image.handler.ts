import { z } from 'zod';
import type { ImagesService } from '../../images/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { containerRoot } from './container-root.js';
import type { LxdClouds } from './lxd-cloud.js';
import { aliasOf, hasImage, uploadImage } from './image-upload.js';

const imageInput = z.object({ cloud: z.string(), os: z.enum(['debian', 'ubuntu']), release: z.string() });

/**
 * Sees to it that an LXD has the newest root of a system that is in muster's store, and builds one where there is none.
 * Publishes `alias`.
 */
export class ImageHandler implements StepHandler {
  readonly kind = 'lxd.image';

  constructor(
    private readonly clouds: LxdClouds,
    private readonly images: ImagesService,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud, os, release } = imageInput.parse(context.input);
    const client = await (await this.clouds.lxd(cloud)).client();
    const root = await containerRoot(this.images, context, { os, release, architecture: 'amd64' });
    const alias = aliasOf(root);
    const outputs = { alias };
    if (await hasImage(client, alias, context.signal)) return { kind: 'done', outputs, note: `${alias} is there` };
    await context.progress(95, `uploading ${Math.round(root.sizeBytes / 1e6)} MB`);
    await uploadImage(client, root, context.signal);
    return { kind: 'done', outputs };
  }
}
