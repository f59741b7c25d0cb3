import { z } from 'zod';
import { fileNameOf } from '../../artifacts/index.js';
import { needsOfBundle, needsOfRoles, type RoleNeeds } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import type { ImagesService } from '../../images/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { step, type JsonObject, type StepSpec } from '../../plan/index.js';
import type { BundleLibrary } from '../bundle-library.js';
import { compileDeployment } from '../compile-deployment.js';
import { bringArtifact, type ArtifactSources } from './bring-artifact.js';
import { bundleFile, reporter } from './step-parts.js';

const bakeInput = z.object({
  /** Its id. */
  image: z.string(),
  /** Of the library, with their options' defaults; or a bundle. */
  roles: z.array(z.string()),
  files: z.array(bundleFile),
  name: z.string(),
  mirror: z.string().optional(),
});
export type BakeInput = z.infer<typeof bakeInput>;

export function bakeStep(input: BakeInput): StepSpec {
  return step({
    key: 'image:bake',
    kind: 'image.bake',
    title: `bake an image with ${input.name}`,
    // Builds share caches and are heavy.
    lane: 'image-build',
    input: JSON.parse(JSON.stringify(input)) as JsonObject,
    timeoutSeconds: 2 * 3600,
    stallSeconds: 900,
    retries: 1,
    repeatable: true,
  });
}

/** Builds an image with the packages and artifacts of roles in it already. */
export class ImageBakeHandler implements StepHandler {
  readonly kind = 'image.bake';

  constructor(
    private readonly images: Pick<ImagesService, 'get' | 'bake'>,
    private readonly library: Pick<BundleLibrary, 'roles' | 'role'>,
    private readonly sources: ArtifactSources,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = bakeInput.parse(context.input);
    const image = await this.images.get(input.image);
    const { packages, masked, artifacts } = this.needs(input, image);
    const report = reporter(context);
    const files: { path: string; sha256: string; fileName: string }[] = [];
    for (const wish of artifacts) {
      report.tell(0, `fetching ${wish.name}`);
      const brought = await bringArtifact(wish, image.architecture, this.sources, { signal: context.signal });
      if (brought === null) continue;
      files.push({ path: brought.path, sha256: brought.sha256, fileName: fileNameOf(brought.url) });
    }
    await context.log(`packages: ${packages.join(' ') || 'none'}\nartifacts: ${files.length}\n`);
    const { name, mirror } = input;
    const baked = await this.images.bake(
      {
        ...{ image, packages, name, baked: { masked, files } },
        labels: { roles: input.roles.join(' ') },
        ...(mirror === undefined ? {} : { mirror }),
      },
      { onProgress: report.tell, signal: context.signal },
    );
    await report.told();
    return { kind: 'done', outputs: { image: baked.id, version: baked.version } };
  }

  private needs({ roles, files }: BakeInput, base: { os: string; release: string }): RoleNeeds {
    if (files.length > 0) {
      const { bundle, roles: library } = compileDeployment(files, this.library.roles, { base });
      return needsOfBundle(bundle, library, base);
    }
    const found = roles.map((name) => this.library.role(name));
    const other = found.find(
      ({ bases }) => !bases.some(({ os, release }) => os === base.os && release === base.release),
    );
    if (other === undefined) return needsOfRoles(found, base);
    throw new MusterError(
      'invalid',
      `cannot bake ${other.name} into ${base.os}@${base.release}: it is none of its bases`,
    );
  }
}
