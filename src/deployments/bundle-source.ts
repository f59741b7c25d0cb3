import type { SourceFile } from '../bundles/index.js';
import { MusterError } from '../error.js';
import type { BundleLibrary } from './bundle-library.js';

/** A bundle as it was sent: by the name of a shipped one, or as files; overlays are named among the files, in order. */
export interface BundleSource {
  bundle?: string;
  files?: { path: string; text: string }[];
  overlays?: string[];
}

/** The bundle first, then its overlays in order. */
export function sourceFiles(source: BundleSource, library: BundleLibrary): SourceFile[] {
  const files = (source.files ?? []).map(({ path, text }) => ({ name: path, text }));
  const overlays = (source.overlays ?? []).map((path) => named(files, path));
  if (source.bundle !== undefined) return [library.get(source.bundle), ...overlays];
  const [first] = files;
  if (first === undefined) {
    throw new MusterError('invalid', 'cannot tell which bundle is meant: neither a name nor a file was given');
  }
  return [first, ...overlays];
}

function named(files: readonly SourceFile[], path: string): SourceFile {
  const file = files.find((candidate) => candidate.name === path);
  if (file === undefined)
    throw new MusterError('invalid', `cannot lay ${path} over the bundle: it is not among the files`);
  return file;
}
