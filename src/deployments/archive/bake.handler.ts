import { z } from 'zod';
import { fileNameOf } from '../../artifacts/index.js';
import { needsOfBundle, needsOfRoles, parseBase, type RoleNeeds } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import { bakedLike, type BakedLike, type ImagesService } from '../../images/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { step, type JsonObject, type StepSpec } from '../../plan/index.js';
import type { BundleLibrary } from '../bundle-library.js';
import { compileDeployment } from '../compile-deployment.js';
import { ENGINE_ROLE } from '../containers/container-scripts.js';
import { bringArtifact, type ArtifactSources } from './bring-artifact.js';
import { bundleFile, reporter } from './step-parts.js';

const bakeInput = z.object({
  /** The id of the one that it is made like; or a base, `debian@12`, as it would be built. */
  image: z.string().optional(),
  target: z.string().optional(),
  kernel: z.enum(['generic', 'cloud', 'none']).optional(),
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
    const like = await this.likeOf(input);
    const { packages, masked, artifacts } = this.needs(input, like);
    const report = reporter(context);
    const files: { path: string; sha256: string; fileName: string }[] = [];
    for (const wish of artifacts) {
      report.tell(0, `fetching ${wish.name}`);
      const brought = await bringArtifact(wish, like.architecture, this.sources, { signal: context.signal });
      if (brought === null) continue;
      files.push({ path: brought.path, sha256: brought.sha256, fileName: fileNameOf(brought.url) });
    }
    await context.log(`packages: ${packages.join(' ') || 'none'}\nartifacts: ${files.length}\n`);
    const { name, mirror } = input;
    const baked = await this.images.bake(
      {
        ...{ like, packages, name, baked: { masked, files } },
        labels: { roles: input.roles.join(' ') },
        ...(mirror === undefined ? {} : { mirror }),
      },
      { onProgress: report.tell, signal: context.signal },
    );
    await report.told();
    return { kind: 'done', outputs: { image: baked.id, version: baked.version } };
  }

  private async likeOf({ image, target = '', kernel }: BakeInput): Promise<BakedLike> {
    if (image !== undefined) return bakedLike(await this.images.get(image));
    const base = parseBase(target);
    if (base === null) throw new MusterError('invalid', `cannot bake "${target}": it is no base such as debian@12`);
    return { ...base, architecture: 'amd64', kernel: kernel ?? 'generic', include: [], from: null };
  }

  private needs({ roles, files }: BakeInput, { os, release, kernel }: BakedLike): RoleNeeds {
    const base = { os, release };
    if (files.length > 0) {
      const { bundle, compiled, roles: library } = compileDeployment(files, this.library.roles, { base });
      // A host of containers needs what runs them; in a container's own root that is of no use.
      const areHosts = kernel !== 'none' && compiled.nodes.some(({ placement }) => placement.kind !== 'machine');
      const engine = areHosts ? library.get(ENGINE_ROLE) : undefined;
      return needsOfBundle(bundle, library, base, engine === undefined ? [] : [engine]);
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
