import { Document, Pair, Scalar, YAMLMap, YAMLSeq, type Node, type Tags } from 'yaml';
import { formatBase, type Base } from './base.js';
import type { BundleFile } from './bundle-file.js';
import { Diagnostics } from './diagnostics.js';
import { INCLUDE, Includes } from './include.js';
import { loadBundle, readRoot } from './load-bundle.js';
import type { RoleLibrary } from './roles/role.js';
import { entriesOf, textOf, valueOf, type YamlEntry, type YamlMap, type YamlNode } from './yaml-tree.js';

/** Longer values stand in a file beside the bundle: it may have 1 MiB in all. */
const LONGEST_INLINE = 16 * 1024;
/** The bundle includes them from here. */
const VALUES_FOLDER = 'values';

/** A file that goes beside an exported bundle. `secret`: the value of an option whose role says that it is one. */
export interface ExportedFile {
  path: string;
  text: string;
  encoding?: 'base64';
  kind: 'role' | 'value' | 'secret';
}

export interface ExportedBundle {
  text: string;
  files: ExportedFile[];
}

export interface ExportWish {
  /** What the deployment was given besides its files: goes before all that they say. */
  base?: Base;
  /** Comment at the top, a line each. */
  heading: readonly string[];
}

/**
 * One bundle that says what all these layers say together: overlays and settings are laid into it, what they include
 * stands in its place. Null where the files are no bundle any more.
 */
export function exportBundle(
  files: readonly BundleFile[],
  library: RoleLibrary,
  { base, heading }: ExportWish,
): ExportedBundle | null {
  const diagnostics = new Diagnostics();
  const { bundle, roles } = loadBundle(files, library);
  const root = readRoot(files, diagnostics);
  if (bundle === null || root?.kind !== 'map') return null;
  const isSecret = (application: string, option: string) =>
    roles.get(bundle.applications.get(application)?.role.value ?? '')?.options.get(option)?.secret === true;
  const values = new Values(new Includes(files, diagnostics), isSecret);
  const entries = new Map(root.entries);
  // Its anchors have been followed.
  entries.delete('variables');
  for (const key of ['applications', 'services']) replace(entries, key, (map) => values.inApplications(map));
  replace(entries, 'machines', (map) => eachOf(map, (machine) => values.inAnnotations(machine)));
  if (base !== undefined) entries.set('muster', withBase(root, base));
  const text = textOfTree({ ...root, entries }, heading);
  const own = files.filter((file) => file.attached === true && file.name.startsWith('roles/'));
  const brought = own.map(({ name, text: content, encoding }): ExportedFile => ({
    ...{ path: name, text: content, kind: 'role' },
    ...(encoding === undefined ? {} : { encoding }),
  }));
  return { text, files: [...brought, ...values.files] };
}

/** Puts what is included, and what cannot stand in the bundle, in its place. */
class Values {
  readonly files: ExportedFile[] = [];

  constructor(
    private readonly includes: Includes,
    private readonly isSecret: (application: string, option: string) => boolean,
  ) {}

  inApplications(applications: YamlMap): YamlMap {
    return eachOf(applications, (application, name) => this.inApplication(name, application));
  }

  inAnnotations(node: YamlMap): YamlMap {
    const entries = new Map(node.entries);
    replace(entries, 'annotations', (map) => this.each(map, (value) => value));
    return { ...node, entries };
  }

  private inApplication(name: string, application: YamlMap): YamlMap {
    const { entries } = this.inAnnotations(application);
    replace(entries, 'options', (map) =>
      this.each(map, (value, option, written) => {
        const kind = this.isSecret(name, option) ? 'secret' : 'value';
        if (kind === 'value' && written.length <= LONGEST_INLINE && !INCLUDE.test(written)) return value;
        return this.beside(value, `${VALUES_FOLDER}/${name}.${option}`, written, kind);
      }),
    );
    return { ...application, entries };
  }

  /** The scalars of a map, with what they include in its place. */
  private each(map: YamlMap, change: (value: YamlNode, key: string, written: string) => YamlNode): YamlMap {
    const entries = [...map.entries].map(([key, entry]): [string, YamlEntry] => {
      const said = textOf(entry.value);
      if (said === null) return [key, entry];
      const written = this.includes.resolve({ value: said, at: entry.value.at }) ?? said;
      const value = written === said ? entry.value : scalar(entry.value, written);
      return [key, { ...entry, value: change(value, key, written) }];
    });
    return { ...map, entries: new Map(entries) };
  }

  private beside(value: YamlNode, path: string, text: string, kind: ExportedFile['kind']): YamlNode {
    this.files.push({ path, text, kind });
    return scalar(value, `include-file://${path}`);
  }
}

const scalar = ({ at }: YamlNode, value: string): YamlNode => ({ kind: 'scalar', at, value, written: value });

function replace(entries: Map<string, YamlEntry>, key: string, change: (map: YamlMap) => YamlNode): void {
  const entry = entries.get(key);
  if (entry?.value.kind === 'map') entries.set(key, { ...entry, value: change(entry.value) });
}

function eachOf(map: YamlMap, change: (value: YamlMap, name: string) => YamlNode): YamlMap {
  const entries = new Map(map.entries);
  for (const name of entries.keys()) replace(entries, name, (value) => change(value, name));
  return { ...map, entries };
}

/** `muster.bases` goes before whatever else the bundle says of bases. */
function withBase(root: YamlMap, base: Base): YamlEntry {
  const { at } = root;
  const bases: YamlNode = { kind: 'list', at, items: [scalar(root, formatBase(base))] };
  const entries = new Map([...entriesOf(valueOf(root, 'muster')), ['bases', { keyAt: at, value: bases }] as const]);
  return { keyAt: at, value: { kind: 'map', at, entries } };
}

function textOfTree(root: YamlMap, heading: readonly string[]): string {
  const document = new Document(null, { version: '1.2', customTags: asWritten });
  document.contents = yamlOf(root);
  document.commentBefore = heading.map((line) => ` ${line}`).join('\n');
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** A channel 1.30 is not to become 1.3. */
function asWritten(tags: Tags): Tags {
  const stringify = ({ source, value }: Scalar) => source ?? String(value);
  return tags.map((tag) =>
    typeof tag === 'object' && /:(?:int|float)$/.test(tag.tag) ? ({ ...tag, stringify } as typeof tag) : tag,
  );
}

function yamlOf(node: YamlNode): Node {
  if (node.kind === 'map') {
    const map = new YAMLMap();
    for (const [key, { value }] of node.entries) map.add(new Pair(textScalar(key), yamlOf(value)));
    return map;
  }
  if (node.kind === 'list') {
    const list = new YAMLSeq();
    list.items = node.items.map(yamlOf);
    list.flow = node.items.every((item) => item.kind === 'scalar');
    return list;
  }
  if (typeof node.value === 'string') return textScalar(node.value);
  const plain = new Scalar(node.value);
  if (node.written !== '') plain.source = node.written;
  return plain;
}

/** A block keeps what is printed and line feeds; anything else stands in quotes, escaped. */
function textScalar(value: string): Scalar {
  const text = new Scalar(value);
  if (/[^\n\u0020-\u007e\u00a0-\u2027\u202a-\ud7ff]/.test(value)) text.type = 'QUOTE_DOUBLE';
  return text;
}
