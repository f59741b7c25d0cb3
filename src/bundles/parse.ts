import { isAlias, isMap, isScalar, isSeq, parseAllDocuments, type Document, type Node, type Pair } from 'yaml';
import { Diagnostics } from './diagnostics.js';
import type { SourceFile, Span } from './source.js';
import { checkLimits, MAX_DEPTH, MAX_NODES } from './yaml-limits.js';
import type { YamlEntry, YamlMap, YamlNode } from './yaml-tree.js';

/**
 * The documents of a file, with positions. Null where the file cannot be read at all; what is wrong is in `diagnostics`.
 * Aliases are followed and merge keys (`<<`) merged, within the limits of yaml-limits.ts.
 */
export function parseYaml(source: SourceFile, diagnostics: Diagnostics): YamlNode[] | null {
  if (!checkLimits(source, diagnostics)) return null;
  // Keys are checked for duplicates by the tree: the parser's own check takes the square of a map's size.
  const documents = parseAllDocuments(source.text, { uniqueKeys: false, prettyErrors: false, version: '1.2' });
  if (!Array.isArray(documents)) return [];
  const nodes: YamlNode[] = [];
  let sound = true;
  for (const document of documents) {
    for (const error of document.errors) {
      const at = { source, start: error.pos[0], end: error.pos[1] };
      diagnostics.error(at, `not YAML: ${error.message}`, USUAL_CAUSES[error.code] ?? null);
      sound = false;
    }
    if (document.errors.length > 0 || document.contents === null) continue;
    const tree = new TreeBuilder(source, document, diagnostics).build(document.contents);
    if (tree === null) sound = false;
    else nodes.push(tree);
  }
  return sound ? nodes : null;
}

/** What is behind most errors of a kind, by the parser's name for it. */
const USUAL_CAUSES: Readonly<Record<string, string>> = {
  BAD_INDENT: 'lines of one map or list begin in the same column; is a bracket above not closed?',
  BAD_SCALAR_START: 'a text that begins so stands in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a text with ": " in it stands in quotes; a value in the next line is indented',
  MISSING_CHAR: 'is a quote, a bracket, a comma or a colon missing above?',
  MULTILINE_IMPLICIT_KEY: 'is a colon missing above?',
  TAB_AS_INDENT: 'indent with spaces',
  UNEXPECTED_TOKEN: 'a text with such a character in it stands in quotes',
};

/** Ends the building of one document; the diagnostic has been told. */
class TreeRefused extends Error {}

class TreeBuilder {
  private nodes = 0;
  private duplicates = false;
  private readonly openAliases = new Set<Node>();
  /** A look-up walks the whole document, so each alias is looked up once. */
  private readonly targets = new Map<Node, Node | undefined>();

  constructor(
    private readonly source: SourceFile,
    private readonly document: Document.Parsed,
    private readonly diagnostics: Diagnostics,
  ) {}

  build(contents: Node): YamlNode | null {
    try {
      const tree = this.node(contents, 1);
      return this.duplicates ? null : tree;
    } catch (thrown) {
      if (thrown instanceof TreeRefused) return null;
      throw thrown;
    }
  }

  private node(node: Node, depth: number): YamlNode {
    const at = this.span(node);
    this.nodes++;
    if (this.nodes > MAX_NODES)
      this.refuse(at, 'too many values', `at most ${MAX_NODES}, counting each alias as what it stands for`);
    if (depth > MAX_DEPTH) this.refuse(at, 'nested too deeply', `at most ${MAX_DEPTH} levels`);
    if (isAlias(node)) return this.alias(node, depth);
    if (isMap(node)) return this.map(node.items, at, depth);
    if (isSeq(node)) {
      const items = (node.items as (Node | null)[]).map((item) => this.child(item, at, depth + 1));
      return { kind: 'list', at, items };
    }
    return this.scalar(node, at);
  }

  private child(node: unknown, around: Span, depth: number): YamlNode {
    if (node === null || node === undefined) return { kind: 'scalar', at: around, value: null, written: '' };
    return this.node(node as Node, depth);
  }

  private scalar(node: Node, at: Span): YamlNode {
    const value: unknown = isScalar(node) ? node.value : null;
    const written = isScalar(node) && typeof node.source === 'string' ? node.source : '';
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return { kind: 'scalar', at, value, written };
    return { kind: 'scalar', at, value: written, written };
  }

  private alias(node: Node, depth: number): YamlNode {
    const target = this.targetOf(node);
    const at = this.span(node);
    if (target === undefined) return this.refuse(at, 'alias of an unknown anchor', 'anchors come before their aliases');
    if (this.openAliases.has(target)) return this.refuse(at, 'an alias inside its own anchor', 'this never ends');
    this.openAliases.add(target);
    const resolved = this.node(target, depth);
    this.openAliases.delete(target);
    return resolved;
  }

  private targetOf(node: Node): Node | undefined {
    if (!this.targets.has(node)) this.targets.set(node, isAlias(node) ? node.resolve(this.document) : undefined);
    return this.targets.get(node);
  }

  private map(pairs: Pair[], at: Span, depth: number): YamlMap {
    const entries = new Map<string, YamlEntry>();
    const merged: YamlNode[] = [];
    for (const pair of pairs) {
      const key = this.key(pair.key, at);
      const keyAt = pair.key === null ? at : this.span(pair.key as Node);
      const value = this.child(pair.value, keyAt, depth + 1);
      if (key === '<<') merged.push(...(value.kind === 'list' ? value.items : [value]));
      else if (entries.has(key)) {
        this.duplicates = true;
        this.diagnostics.error(keyAt, `duplicate key ${JSON.stringify(key)}`, 'the same key stands above');
      } else entries.set(key, { keyAt, value });
    }
    for (const source of merged) this.merge(source, entries);
    return { kind: 'map', at, entries };
  }

  private merge(source: YamlNode, entries: Map<string, YamlEntry>): void {
    if (source.kind !== 'map') return void this.refuse(source.at, '"<<" merges maps only', 'expected a map');
    for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
  }

  private key(key: unknown, around: Span): string {
    if (key === null) return this.refuse(around, 'a key is missing', 'keys are text');
    if (isScalar(key)) return typeof key.value === 'string' ? key.value : (key.source ?? '');
    return this.refuse(this.span(key as Node), 'a key must be text', 'not a list, a map or an alias');
  }

  private span(node: Node): Span {
    const [start, end] = node.range ?? [0, 0];
    return { source: this.source, start, end: Math.max(start + 1, end) };
  }

  private refuse(at: Span, message: string, hint: string): never {
    this.diagnostics.error(at, message, hint);
    throw new TreeRefused(message);
  }
}
