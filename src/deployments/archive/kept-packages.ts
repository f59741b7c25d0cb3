import type { NodeArtifact, PackageSet, PackageSource } from '../../pipeline/index.js';
import type { BroughtBundles } from './brought-bundles.js';
import type { Manifest, PackageSetEntry } from './manifest.js';

/** Packages that archives brought. Of several sets that would do, that of the archive that came last. */
export class KeptPackages implements PackageSource {
  constructor(private readonly brought: Pick<BroughtBundles, 'manifests'>) {}

  async find(...[names, system]: Parameters<PackageSource['find']>): Promise<PackageSet | null> {
    const archives = this.brought.manifests().filter(({ manifest }) => manifest.packages.length > 0);
    if (archives.length === 0) return null;
    const { base, architecture } = await system();
    for (const { name, manifest } of archives) {
      const set = smallest(
        manifest,
        (each) => each.base === base && each.architecture === architecture && has(each, names),
      );
      if (set !== null) return setOf(name, set, manifest);
    }
    return null;
  }
}

const has = (set: PackageSetEntry, names: readonly string[]) => names.every((name) => set.names.includes(name));

function smallest({ packages }: Manifest, fits: (set: PackageSetEntry) => boolean): PackageSetEntry | null {
  const [first] = packages.filter(fits).sort((a, b) => a.files.length - b.files.length);
  return first ?? null;
}

function setOf(from: string, { index, files }: PackageSetEntry, { contents }: Manifest): PackageSet {
  const artifact = (sha256: string, fileName: string): NodeArtifact => ({ name: 'package', url: '', sha256, fileName });
  return {
    from,
    index: artifact(index, 'Packages'),
    indexBytes: contents.find(({ sha256 }) => sha256 === index)?.sizeBytes ?? 0,
    packages: files.map(({ sha256, fileName }) => artifact(sha256, fileName)),
  };
}
