import { z } from 'zod';
import { aliasOf, containerRoot } from '../../clouds/index.js';
import { MusterError } from '../../error.js';
import type { ImagesService } from '../../images/index.js';
import type { ArtifactSource, StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';

const imageInput = z.object({ os: z.enum(['debian', 'ubuntu']), release: z.string(), arch: z.string() });

/** Names content of the image store in the place of an artifact's address. */
const STORED = 'image:';

/** Finds the root that containers on a host are made of, or builds it. Publishes what the host needs to have it. */
export class ContainerImageHandler implements StepHandler {
  readonly kind = 'container.image';

  constructor(private readonly images: ImagesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { os, release, arch } = imageInput.parse(context.input);
    const root = await containerRoot(this.images, context, { os, release, architecture: arch });
    const created = String(Math.floor(root.createdAt.getTime() / 1000));
    const file = { url: `${STORED}${root.sha256}`, sha256: root.sha256, fileName: 'root.squashfs' };
    return { kind: 'done', outputs: { ...file, alias: aliasOf(root), arch, created } };
  }
}

/** Files of the image store beside those of the artifact cache. */
export function withStoredImages(images: Pick<ImagesService, 'findContent'>, others: ArtifactSource): ArtifactSource {
  return {
    open: async (artifact, context) => {
      if (!artifact.url.startsWith(STORED)) return others.open(artifact, context);
      const content = await images.findContent(artifact.sha256);
      if (content !== null) return content;
      throw new MusterError('not-found', `cannot find ${artifact.url} in this server's image store`, {
        hint: 'retry the step that finds the root',
      });
    },
  };
}
