import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { formatBase, parseBase, type Base, type BundleFile } from '../../bundles/index.js';
import { MusterError } from '../../error.js';
import {
  CONTAINER_VARIANT,
  PackageResolver,
  packagesIndex,
  type Image,
  type ImagesService,
  type PackageFile,
} from '../../images/index.js';
import type { StepSpec } from '../../plan/index.js';
import type { BundleLibrary } from '../bundle-library.js';
import { compileDeployment, type CompiledDeployment } from '../compile-deployment.js';
import type { ArchiveParts } from './archive-shelf.js';
import { bringArtifact, type ArtifactSources } from './bring-artifact.js';
import type { Manifest } from './manifest.js';

export interface ContentSources extends ArtifactSources {
  /** For what can be made again: package lists and packages. */
  cacheDir: string;
  library: Pick<BundleLibrary, 'roles' | 'roleFiles'>;
  images: Pick<ImagesService, 'list' | 'select' | 'contentsOf' | 'dpkgStatus'>;
}

export interface ExportRequest {
  files: readonly BundleFile[];
  /** Default: the bundle's name. */
  name?: string;
  /** Default: the first of the bundle's that the store has an image of. */
  bases: readonly string[];
  architecture: string;
  /** Without: the bundle and its roles alone. */
  withArtifacts: boolean;
  withImages: boolean;
  mirror?: string;
}

export interface GatherOptions {
  signal: AbortSignal;
  tell: (percent: number, message: string) => void;
}

const fetchInput = z.object({
  name: z.string(),
  url: z.string(),
  sha256: z.string(),
  sha256From: z.string(),
  optional: z.boolean(),
});

/** Puts together what a bundle needs on a computer without any outside network. */
export async function gatherArchive(
  request: ExportRequest,
  sources: ContentSources,
  options: GatherOptions,
): Promise<ArchiveParts> {
  const gathering = new Gathering(request, sources, options);
  const compiled = await gathering.compile();
  const bases = basesOf(compiled);
  if (request.withArtifacts) {
    await gathering.artifacts(compiled.flatMap(({ compiled: { plan } }) => plan.steps));
    await gathering.packages(compiled, await gathering.images(bases));
  }
  const [first] = compiled;
  return {
    name: request.name ?? first?.bundle.name ?? '',
    bases: bases.map(formatBase),
    files: bundleFiles(request.files, compiled, bases, sources.library),
    ...gathering.parts,
  };
}

class Gathering {
  readonly parts = {
    artifacts: [] as Manifest['artifacts'],
    images: [] as Manifest['images'],
    packages: [] as Manifest['packages'],
    contents: new Map<string, { path: string; sizeBytes: number }>(),
  };

  constructor(
    private readonly request: ExportRequest,
    private readonly sources: ContentSources,
    private readonly options: GatherOptions,
  ) {}

  /** Once for each base that is wanted. */
  async compile(): Promise<CompiledDeployment[]> {
    const { files, bases, withArtifacts } = this.request;
    const { roles } = this.sources.library;
    if (bases.length > 0) return bases.map((base) => compileDeployment(files, roles, { base: readBase(base) }));
    if (!withArtifacts) return [compileDeployment(files, roles, {})];
    const stored = (await this.sources.images.list()).filter(
      ({ kind, architecture }) => kind === 'os' && architecture === this.request.architecture,
    );
    if (stored.length === 0) {
      throw new MusterError('conflict', 'cannot tell for which base: there is no image of any in the store', {
        hint: 'muster images build debian@12, or --base debian@12 --without-images',
      });
    }
    return [compileDeployment(files, roles, { availableBases: stored.map(({ os, release }) => ({ os, release })) })];
  }

  async artifacts(steps: readonly StepSpec[]): Promise<void> {
    const { signal, tell } = this.options;
    for (const { input } of steps.filter(({ kind }) => kind === 'artifact.fetch')) {
      const wish = fetchInput.parse(input);
      const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number | null }) =>
        tell(totalBytes === null ? 0 : (bytes / totalBytes) * 50, `fetching ${wish.name}`);
      tell(0, `fetching ${wish.name}`);
      const brought = await bringArtifact(wish, this.request.architecture, this.sources, { signal, onProgress });
      if (brought === null || this.parts.artifacts.some(({ url }) => url === brought.url)) continue;
      const { url, sha256, path, sizeBytes } = brought;
      this.parts.artifacts.push({ url, sha256 });
      this.parts.contents.set(sha256, { path, sizeBytes });
    }
  }

  /** Those of the bases; and the memory environment, where one of them is for machines. */
  async images(bases: readonly Base[]): Promise<Map<string, Image[]>> {
    const { architecture } = this.request;
    const byBase = new Map<string, Image[]>();
    for (const base of bases) {
      const wish = { ...base, architecture };
      const found = [
        await this.sources.images.select(wish),
        await this.sources.images.select({ ...wish, variant: CONTAINER_VARIANT }),
      ].filter((image) => image !== null);
      byBase.set(formatBase(base), found);
      if (found.length === 0 && this.request.withImages) {
        throw new MusterError('not-found', `cannot find an image of ${formatBase(base)} for ${architecture}`, {
          hint: `muster images build ${formatBase(base)}, or --without-images for hosts that you have`,
        });
      }
    }
    if (!this.request.withImages) return byBase;
    const all = [...byBase.values()].flat();
    const memory = await this.sources.images.select({ kind: 'memory', architecture });
    if (memory !== null && all.some(({ variant }) => variant !== CONTAINER_VARIANT)) all.push(memory);
    for (const image of all) await this.addImage(image);
    return byBase;
  }

  private async addImage(image: Image): Promise<void> {
    const { kind, os, release, architecture, variant, version, labels, createdAt } = image;
    const files = image.files.map(({ role, sha256, compression, unpackedBytes }) => ({
      ...{ role, sha256, compression, unpackedBytes },
    }));
    for (const { sha256, path, sizeBytes } of await this.sources.images.contentsOf(image))
      this.parts.contents.set(sha256, { path, sizeBytes });
    this.parts.images.push({
      ...{ kind, os, release, architecture, variant, version, labels, files },
      createdAt: createdAt.toISOString(),
    });
  }

  /** For each base, and each list of packages that a role asks for there. */
  async packages(compiled: readonly CompiledDeployment[], images: ReadonlyMap<string, Image[]>): Promise<void> {
    const wanted = packagesWanted(compiled);
    let done = 0;
    for (const { base, names } of wanted) {
      this.options.signal.throwIfAborted();
      this.options.tell(50 + (done++ / wanted.length) * 50, `packages of ${formatBase(base)}: ${names.join(' ')}`);
      await this.addPackages(base, names, images.get(formatBase(base)) ?? []);
    }
  }

  private async addPackages(base: Base, names: readonly string[], images: readonly Image[]): Promise<void> {
    const { signal } = this.options;
    const { architecture, mirror } = this.request;
    const folder = join(this.sources.cacheDir, `packages-${base.os}-${base.release}-${architecture}`);
    const resolver = this.resolverFor(folder, base, architecture, mirror);
    const files = new Map<string, PackageFile>();
    for (const status of await this.statusesOf(images))
      for (const file of await resolver.fetch(names, { status, signal })) files.set(file.sha256, file);
    const sorted = [...files.values()].sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
    for (const { sha256, path, sizeBytes } of sorted) this.parts.contents.set(sha256, { path, sizeBytes });
    const index = await this.keepIndex(folder, await packagesIndex(sorted, signal));
    this.parts.packages.push({
      ...{ base: formatBase(base), architecture, names: [...names], index },
      files: sorted.map(({ fileName, sha256 }) => ({ fileName, sha256 })),
    });
  }

  private readonly resolvers = new Map<string, PackageResolver>();

  private resolverFor(folder: string, base: Base, architecture: string, mirror?: string): PackageResolver {
    const system = { ...base, architecture, ...(mirror === undefined ? {} : { mirror }) };
    const resolver = this.resolvers.get(folder) ?? new PackageResolver(folder, system);
    this.resolvers.set(folder, resolver);
    return resolver;
  }

  private readonly statuses = new Map<string, string>();

  /** What is on the nodes already. Where no image says it nothing counts as there, and all is brought. */
  private async statusesOf(images: readonly Image[]): Promise<string[]> {
    const known: string[] = [];
    for (const image of images) {
      const status =
        this.statuses.get(image.id) ?? (await this.sources.images.dpkgStatus(image, this.options.signal)) ?? '';
      this.statuses.set(image.id, status);
      known.push(status);
    }
    return known.length === 0 ? [''] : [...new Set(known)];
  }

  private async keepIndex(folder: string, text: string): Promise<string> {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const path = join(folder, 'indexes', sha256);
    await mkdir(join(folder, 'indexes'), { recursive: true });
    await writeFile(path, text);
    this.parts.contents.set(sha256, { path, sizeBytes: Buffer.byteLength(text) });
    return sha256;
  }
}

/** Every list of packages with its base, once; in the order of the plan. */
function packagesWanted(compiled: readonly CompiledDeployment[]): { base: Base; names: string[] }[] {
  const found = new Map<string, { base: Base; names: string[] }>();
  for (const { compiled: plan } of compiled) {
    const bases = new Map(plan.nodes.map(({ key, base }) => [key, base]));
    const units = new Map(plan.units.map(({ name, node }) => [name, bases.get(node)]));
    for (const { key, input } of plan.plan.steps) {
      const names = z.array(z.string()).safeParse(input.packages).data;
      const base = units.get(key.slice(0, key.lastIndexOf(':')));
      if (names !== undefined && base !== undefined)
        found.set(`${formatBase(base)} ${names.join(' ')}`, { base, names });
    }
  }
  return [...found.values()];
}

function basesOf(compiled: readonly CompiledDeployment[]): Base[] {
  const bases = compiled.flatMap(({ compiled: { nodes } }) => nodes.map(({ base }) => base));
  return [...new Map(bases.map((base) => [formatBase(base), base])).values()];
}

/** The bundle as it is, kept to these bases; what it includes; every role that it uses, those of the library too. */
function bundleFiles(
  [first, ...others]: readonly BundleFile[],
  compiled: readonly CompiledDeployment[],
  bases: readonly Base[],
  library: ContentSources['library'],
): BundleFile[] {
  if (first === undefined) return [];
  const only = `\n---\n# What the archive was made for.\nmuster: {bases: [${bases.map(formatBase).join(', ')}]}\n`;
  const known = new Set(others.map(({ name }) => name));
  const roles = new Set(compiled.flatMap(({ compiled: { units } }) => units.map(({ role }) => role)));
  const own = [...roles].filter((role) => !known.has(`roles/${role}/role.yaml`)).sort();
  const brought = own.flatMap((role) =>
    Object.entries(library.roleFiles(role)).map(([name, text]): BundleFile => ({
      ...{ name: `roles/${role}/${name}`, text, attached: true },
    })),
  );
  return [{ ...first, name: baseName(first.name), text: `${first.text.trimEnd()}${only}` }, ...others, ...brought];
}

/** A shipped one is in a folder of its name. */
const baseName = (path: string) => path.slice(path.lastIndexOf('/') + 1);

function readBase(text: string): Base {
  const base = parseBase(text);
  if (base === null)
    throw new MusterError('invalid', `cannot read the base "${text}"`, { hint: 'expected such as debian@12' });
  return base;
}
