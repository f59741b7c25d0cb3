import type { SourceFile } from './source.js';

/** One file of a bundle as its author gave it, named by its path from the bundle's folder. */
export interface BundleFile extends SourceFile {
  /** Included by another file, or part of a role. Absent: a layer; the bundle first, then its overlays in order. */
  attached?: true;
  /** How `text` stands for the file's bytes. Absent: it is text. */
  encoding?: 'base64';
}

/**
 * A path as the file `from` names it, from the bundle's folder; null where it leads out of the folder of `from`.
 * Pure arithmetic: links are looked at by whoever reads the files.
 */
export function pathFrom(from: string, path: string): string | null {
  const parts: string[] = [];
  if (path.startsWith('/') || path.includes('\\')) return null;
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return null;
  }
  if (parts.length === 0) return null;
  const folder = from.slice(0, from.lastIndexOf('/') + 1);
  return folder + parts.join('/');
}
