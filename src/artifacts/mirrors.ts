import { isAbsolute, join } from 'node:path';

/** URL prefixes, and what stands in their place: another prefix, or a folder of this computer. */
export type ArtifactMirrors = Readonly<Record<string, string>>;

export type ArtifactPlace =
  | { kind: 'url'; url: string; isMirror: boolean }
  /** A file of an operator's own folder. */
  | { kind: 'file'; path: string };

/** Where a URL is fetched from: the longest prefix that fits counts. */
export function placeOf(url: string, mirrors: ArtifactMirrors): ArtifactPlace {
  const [prefix] = Object.keys(mirrors)
    .filter((each) => url.startsWith(each))
    .sort((a, b) => b.length - a.length);
  if (prefix === undefined) return { kind: 'url', url, isMirror: false };
  const target = mirrors[prefix] ?? '';
  const rest = url.slice(prefix.length);
  if (!isAbsolute(target)) return { kind: 'url', url: target + rest, isMirror: true };
  return { kind: 'file', path: join(target, ...namesIn(rest)) };
}

/** No part of a URL leads out of the folder. */
function namesIn(path: string): string[] {
  const parts = path.replace(/[?#].*$/, '').split('/');
  return parts.map(decoded).filter((part) => part !== '' && part !== '.' && part !== '..' && !/[/\0]/.test(part));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** What a file is called on nodes: the last part of its path, in plain letters. */
export function fileNameOf(url: string): string {
  const path = url.replace(/[?#].*$/, '').replace(/\/+$/, '');
  const name = decoded(path.slice(path.lastIndexOf('/') + 1)).replaceAll(/[^A-Za-z0-9._+~-]/g, '_');
  return name.replace(/^\.+/, '').slice(0, 200) || 'artifact';
}
