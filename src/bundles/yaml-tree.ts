import type { Span } from './source.js';

/** A parsed file in which everything still knows where it was written. */
export type YamlNode = YamlMap | YamlList | YamlScalar;

export interface YamlMap {
  kind: 'map';
  at: Span;
  entries: Map<string, YamlEntry>;
}

export interface YamlEntry {
  /** Where the key stands. */
  keyAt: Span;
  value: YamlNode;
}

export interface YamlList {
  kind: 'list';
  at: Span;
  items: YamlNode[];
}

export interface YamlScalar {
  kind: 'scalar';
  at: Span;
  value: string | number | boolean | null;
  /** As written, for text that YAML would read as a number: a channel `1.30`. */
  written: string;
}

export type YamlPath = readonly (string | number)[];

export type PlainValue = string | number | boolean | null | PlainValue[] | { [key: string]: PlainValue };

/** The plain value without positions. Maps have no prototype, so that a key `__proto__` is only a key. */
export function plainValue(node: YamlNode): PlainValue {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map': {
      const plain = Object.create(null) as Record<string, PlainValue>;
      for (const [key, entry] of node.entries) plain[key] = plainValue(entry.value);
      return plain;
    }
  }
}

/** Where the value at a path stands; the nearest that exists above it, where it does not. */
export function spanAt(root: YamlNode, path: YamlPath): Span {
  let node = root;
  for (const part of path) {
    const below = childOf(node, part);
    if (below === null) break;
    node = below;
  }
  return node.at;
}

/** The value at a path, or null where there is none. */
export function nodeAt(root: YamlNode, path: YamlPath): YamlNode | null {
  return path.reduce((node: YamlNode | null, part) => (node === null ? null : childOf(node, part)), root);
}

/** Where the key at the end of a path stands, or its value where it has no key. */
export function keySpanAt(root: YamlNode, path: YamlPath): Span {
  const last = path.at(-1);
  let node = root;
  for (const part of path.slice(0, -1)) {
    const below = childOf(node, part);
    if (below === null) return node.at;
    node = below;
  }
  return node.kind === 'map' ? (node.entries.get(String(last))?.keyAt ?? node.at) : spanAt(node, path.slice(-1));
}

function childOf(node: YamlNode, part: string | number): YamlNode | null {
  if (node.kind === 'map') return node.entries.get(String(part))?.value ?? null;
  if (node.kind === 'list') return node.items[Number(part)] ?? null;
  return null;
}

/** The value under a key, or null where there is none or it is empty. */
export function valueOf(node: YamlNode | null, key: string): YamlNode | null {
  if (node?.kind !== 'map') return null;
  const value = node.entries.get(key)?.value ?? null;
  return value?.kind === 'scalar' && value.value === null ? null : value;
}

/** The entries of a map in the order written; none where it is not a map. */
export function entriesOf(node: YamlNode | null): [string, YamlEntry][] {
  return node?.kind === 'map' ? [...node.entries] : [];
}

/** The items of a list; a single scalar counts as a list of one, as Juju reads `to: lxd:0`. */
export function itemsOf(node: YamlNode | null): YamlNode[] {
  if (node === null) return [];
  return node.kind === 'list' ? node.items : [node];
}

/** The text of a scalar as it was written. */
export function textOf(node: YamlNode | null): string | null {
  return node?.kind === 'scalar' && node.value !== null ? textOfScalar(node) : null;
}

export function textOfScalar(node: YamlScalar): string {
  return typeof node.value === 'string' ? node.value : node.written;
}
