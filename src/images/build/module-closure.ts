/** A module file (`kernel/fs/ext4/ext4.ko`) and the files it needs, from depmod's `modules.dep`. */
export type ModuleDependencies = ReadonlyMap<string, readonly string[]>;

/** Reads `modules.dep`: `file: needed needed …`, a line each; depmod lists needs completely, not only the next. */
export function parseModuleDependencies(text: string): ModuleDependencies {
  const entries = text.split('\n').flatMap((line): [string, string[]][] => {
    const colon = line.indexOf(':');
    if (colon < 0) return [];
    return [
      [
        line.slice(0, colon),
        line
          .slice(colon + 1)
          .split(' ')
          .filter((part) => part !== ''),
      ],
    ];
  });
  return new Map(entries);
}

/**
 * The module files chosen by `wanted` (a folder below `kernel/`, ending in `/`, or a module's name) and all they need,
 * sorted; without those chosen by `unwanted`. Names may be written with `_` or `-`.
 */
export function moduleClosure(
  dependencies: ModuleDependencies,
  wanted: readonly string[],
  unwanted: readonly string[] = [],
): string[] {
  const isWanted = selector(wanted);
  const isUnwanted = selector(unwanted);
  const chosen = new Set<string>();
  for (const [file, needs] of dependencies) {
    if (!isWanted(file) || [file, ...needs].some(isUnwanted)) continue;
    for (const one of [file, ...needs]) chosen.add(one);
  }
  return [...chosen].sort();
}

function selector(entries: readonly string[]): (file: string) => boolean {
  const folders = entries.filter((entry) => entry.endsWith('/')).map((entry) => `kernel/${entry}`);
  const names = new Set(entries.filter((entry) => !entry.endsWith('/')).map(moduleName));
  return (file) => names.has(moduleName(file)) || folders.some((folder) => file.startsWith(folder));
}

/** The files to load, in order, for one module: what it needs first. */
export function loadOrder(dependencies: ModuleDependencies, name: string): string[] {
  for (const [file, needs] of dependencies) {
    // modules.dep lists what must be loaded last first.
    if (moduleName(file) === moduleName(name)) return [...[...needs].reverse(), file];
  }
  return [];
}

function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1);
  return base.replace(/\.ko(\.(xz|zst|gz))?$/, '').replaceAll('-', '_');
}
