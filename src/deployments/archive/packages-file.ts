import { MusterError } from '../../error.js';
import type { PackageSetEntry } from './manifest.js';

/** Throws where a `Packages` file names other files, or other sums, than the archive has for it. */
export function checkPackagesFile(text: string, { base, files }: PackageSetEntry): void {
  const stanzas = text.split(/\n\n+/).filter((stanza) => stanza.trim() !== '');
  const named = stanzas.map((stanza) => `${field(stanza, 'Filename')} ${field(stanza, 'SHA256')}`).sort();
  const held = files.map(({ sha256, fileName }) => `${sha256}/${fileName} ${sha256}`).sort();
  if (named.length === held.length && named.every((each, index) => each === held[index])) return;
  throw new MusterError(
    'invalid',
    `cannot use this archive: its list of packages for ${base} is not of the packages it has`,
  );
}

function field(stanza: string, name: string): string {
  const found = [...stanza.matchAll(new RegExp(`^${name}: *(.*)$`, 'gm'))];
  return found.length === 1 ? (found[0]?.[1] ?? '').trim() : '';
}
