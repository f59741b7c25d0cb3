import { settingOverlay, type BundleFile, type Setting } from '../bundles/index.js';
import { MusterError } from '../error.js';
import type { BundleLibrary } from './bundle-library.js';

/** How diagnostics name what was given by `--set`. */
const GIVEN_SETTINGS = 'given-settings.yaml';

/**
 * A bundle as it was sent: the name of a shipped one, or files, the bundle first. Overlays are named among the files, in
 * order; the other files are what these include, and the bundle's own roles (`roles/<name>/…`).
 */
export interface BundleSource {
  bundle?: string;
  files?: { path: string; text: string; encoding?: 'base64' }[];
  overlays?: string[];
  /** Options that go over all of it: one more overlay. */
  settings?: readonly Setting[];
}

/** The bundle first, then its overlays in order, then the files that go with them. */
export function sourceFiles(source: BundleSource, library: BundleLibrary): BundleFile[] {
  const files = (source.files ?? []).map(({ path, text, encoding }): BundleFile => ({
    name: path,
    text,
    ...(encoding === undefined ? {} : { encoding }),
  }));
  refuseTwice(files.map((file) => file.name));
  const inLibrary: readonly BundleFile[] = source.bundle === undefined ? [] : library.get(source.bundle);
  const first: BundleFile | undefined = inLibrary[0] ?? files.shift();
  if (first === undefined) {
    throw new MusterError('invalid', 'cannot tell which bundle is meant: neither a name nor a file was given');
  }
  const overlays = (source.overlays ?? []).map((path) => named(files, path));
  const layers = new Set([first, ...overlays]);
  const attached = files.filter((file) => !layers.has(file)).map((file): BundleFile => ({ ...file, attached: true }));
  for (const layer of layers) {
    if (layer.encoding !== undefined) throw new MusterError('invalid', `cannot read ${layer.name}: it is not text`);
  }
  const settings = source.settings ?? [];
  const last = settings.length === 0 ? [] : [settingOverlay(settings, GIVEN_SETTINGS)];
  // What came with a bundle of the library steps back where a file of the same name is given.
  const given = new Set(files.map((file) => file.name));
  const brought = inLibrary.slice(1).filter((file) => !given.has(file.name));
  return [...layers, ...last, ...brought, ...attached];
}

function named(files: readonly BundleFile[], path: string): BundleFile {
  const file = files.find((candidate) => candidate.name === path);
  if (file === undefined)
    throw new MusterError('invalid', `cannot lay ${path} over the bundle: it is not among the files`);
  return file;
}

function refuseTwice(paths: readonly string[]): void {
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined)
    throw new MusterError('invalid', `cannot tell which file is meant: ${twice} was given twice`);
}
