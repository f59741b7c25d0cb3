import type { Diagnostics } from './diagnostics.js';
import type { YamlEntry, YamlMap, YamlNode } from './yaml-tree.js';

/**
 * Lays one bundle over another, by Juju's rules: maps merge, lists overwrite, an application with an empty value goes
 * together with its relations, relations are appended, `machines` is replaced whole.
 */
export function applyOverlay(base: YamlNode, overlay: YamlNode, diagnostics: Diagnostics): YamlNode {
  if (base.kind !== 'map' || overlay.kind !== 'map') {
    diagnostics.error(overlay.at, 'an overlay must be a map', 'expected such as applications:');
    return base;
  }
  const entries = new Map(base.entries);
  let removed = new Set<string>();
  for (const [key, entry] of overlay.entries) {
    const below = entries.get(key);
    if (key === 'applications' || key === 'services') {
      // Two words for one thing: the overlay may use the other one.
      const used = key === 'applications' && entries.has('services') && !below ? 'services' : key;
      const merged = mergeApplications(entries.get(used), entry);
      entries.set(used, merged.entry);
      removed = merged.removed;
    } else if (key === 'relations') entries.set(key, appended(below, entry));
    else if (key === 'machines') entries.set(key, entry);
    else entries.set(key, merged(below, entry));
  }
  const relations = entries.get('relations');
  if (relations) entries.set('relations', { ...relations, value: withoutRemoved(relations.value, removed) });
  return { ...base, entries };
}

function mergeApplications(
  base: YamlEntry | undefined,
  overlay: YamlEntry,
): { entry: YamlEntry; removed: Set<string> } {
  const removed = new Set<string>();
  if (overlay.value.kind !== 'map' || base?.value.kind !== 'map') return { entry: base ?? overlay, removed };
  const entries = new Map(base.value.entries);
  for (const [name, application] of overlay.value.entries) {
    if (isEmpty(application.value)) {
      entries.delete(name);
      removed.add(name);
    } else entries.set(name, merged(withoutScale(entries.get(name), application), application));
  }
  return { entry: { keyAt: base.keyAt, value: { ...base.value, entries } }, removed };
}

/** `num_units` in an overlay goes over the base's `scale`, which says the same. */
function withoutScale(base: YamlEntry | undefined, overlay: YamlEntry): YamlEntry | undefined {
  if (base?.value.kind !== 'map' || overlay.value.kind !== 'map' || !overlay.value.entries.has('num_units'))
    return base;
  const entries = new Map(base.value.entries);
  entries.delete('scale');
  return { ...base, value: { ...base.value, entries } };
}

function merged(base: YamlEntry | undefined, overlay: YamlEntry): YamlEntry {
  if (base?.value.kind !== 'map' || overlay.value.kind !== 'map') return overlay;
  return { keyAt: overlay.keyAt, value: mergedMaps(base.value, overlay.value) };
}

function mergedMaps(base: YamlMap, overlay: YamlMap): YamlMap {
  const entries = new Map(base.entries);
  for (const [key, entry] of overlay.entries) entries.set(key, merged(entries.get(key), entry));
  return { ...overlay, entries };
}

function appended(base: YamlEntry | undefined, overlay: YamlEntry): YamlEntry {
  if (base?.value.kind !== 'list' || overlay.value.kind !== 'list') return overlay;
  return { keyAt: base.keyAt, value: { ...base.value, items: [...base.value.items, ...overlay.value.items] } };
}

function withoutRemoved(relations: YamlNode, removed: Set<string>): YamlNode {
  if (relations.kind !== 'list' || removed.size === 0) return relations;
  return { ...relations, items: relations.items.filter((relation) => !mentions(relation, removed)) };
}

function mentions(node: YamlNode, applications: Set<string>): boolean {
  if (node.kind === 'list') return node.items.some((item) => mentions(item, applications));
  return node.kind === 'scalar' && applications.has(String(node.value).replace(/:.*$/, ''));
}

function isEmpty(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null;
}
