import type { NodeArtifact } from './artifact-source.js';
import type { DetachedStep, StepFiles } from './detached-step.js';

/** What a node runs, as it says itself. */
export interface NodeSystem {
  /** `debian@12`. */
  base: string;
  /** As dpkg names it: `amd64`. */
  architecture: string;
}

/** Packages that are kept on this server, with all that they need on one kind of system. */
export interface PackageSet {
  /** Where they came from, for people. */
  from: string;
  /** A `Packages` file, in which each package is named `<sha256>/<fileName>`. */
  index: NodeArtifact;
  indexBytes: number;
  packages: readonly NodeArtifact[];
}

/** Who keeps packages implements it. */
export interface PackageSource {
  /** A set that has all of these; null: there is none, and apt takes them from where it always does. */
  find(names: readonly string[], system: () => Promise<NodeSystem>): Promise<PackageSet | null>;
}

/** Puts before a script what makes apt know these packages and no others; apt.conf(5), sources.list(5). */
export function withPackages(files: StepFiles, set: PackageSet | null, step: DetachedStep): StepFiles {
  if (set === null) return files;
  const { sha256 } = set.index;
  // Names the one form of the list that there is: apt would try all others, and tell of each as an error.
  const head = `Suite: ${sha256}/\nDate: Thu, 01 Jan 1970 00:00:00 UTC\n`;
  const release = `${head}SHA256:\n ${sha256} ${set.indexBytes} ${set.index.fileName}\n`;
  const folder = step.folderOf(`apt/${sha256}`);
  const settings: Record<string, string> = {
    'Dir::Etc::SourceList': `${folder}/sources.list`,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': `${folder}/lists`,
    // The node's own lists and their cache stay as they are.
    'Dir::Cache::pkgcache': '',
    'Dir::Cache::srcpkgcache': '',
    'Acquire::Languages': 'none',
    // The files are root's alone.
    'APT::Sandbox::User': 'root',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
  const source = `deb [trusted=yes] file:${step.folderOf('artifacts')} ${sha256}/\n`;
  return {
    ...files,
    environment: { ...files.environment, APT_CONFIG: `${folder}/apt.conf` },
    files: [
      ...files.files,
      { path: step.folderOf(`artifacts/${sha256}/Release`), content: release, mode: 0o644 },
      { path: `${folder}/apt.conf`, content: lines.join(''), mode: 0o644 },
      { path: `${folder}/sources.list`, content: source, mode: 0o644 },
      { path: `${folder}/lists/partial/.keep`, content: '', mode: 0o644 },
    ],
  };
}
