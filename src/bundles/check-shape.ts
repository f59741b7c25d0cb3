import type { z } from 'zod';
import type { Diagnostics } from './diagnostics.js';
import { expectedNames } from './near-miss.js';
import { keySpanAt, plainValue, spanAt, type PlainValue, type YamlNode, type YamlPath } from './yaml-tree.js';

/** Tells every place where the tree has not the shape of the schema. True where it has. */
export function checkShape(root: YamlNode, schema: z.ZodType, diagnostics: Diagnostics): boolean {
  const plain = plainValue(root);
  const result = schema.safeParse(plain);
  if (result.success) return true;
  for (const issue of result.error.issues) {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) tellUnknownKey(root, schema, [...path, key], diagnostics);
      continue;
    }
    const last = path.at(-1);
    const found = valueAt(plain, path);
    if (found === undefined) {
      diagnostics.error(
        keySpanAt(root, path.slice(0, -1)),
        `"${String(last)}" is missing`,
        `expected ${issue.message}`,
      );
      continue;
    }
    const message = last === undefined ? 'this is not a map' : `wrong value for ${nameOf(path)}`;
    diagnostics.error(spanAt(root, path), message, `expected ${issue.message}, found ${describe(found)}`);
  }
  return false;
}

function tellUnknownKey(root: YamlNode, schema: z.ZodType, path: YamlPath, diagnostics: Diagnostics): void {
  const key = String(path.at(-1));
  const known = keysAt(schema, path.slice(0, -1));
  diagnostics.error(keySpanAt(root, path), `unknown key "${key}"`, expectedNames(key, known, 'keys'));
}

/** The keys that the schema knows at a path, looked up by walking it beside the path. */
function keysAt(schema: z.ZodType, path: YamlPath): string[] {
  let at: unknown = schema;
  for (const part of path) at = below(at, part);
  return Object.keys(shapeOf(at) ?? {});
}

interface SchemaDefinition {
  innerType?: unknown;
  valueType?: unknown;
  element?: unknown;
  shape?: Record<string, unknown>;
}

function definitionOf(schema: unknown): SchemaDefinition {
  let definition = (schema as { _zod?: { def: SchemaDefinition } } | undefined)?._zod?.def ?? {};
  while (definition.innerType !== undefined)
    definition = (definition.innerType as { _zod: { def: SchemaDefinition } })._zod.def;
  return definition;
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return definitionOf(schema).shape;
}

function below(schema: unknown, part: string | number): unknown {
  const definition = definitionOf(schema);
  return definition.shape?.[String(part)] ?? definition.valueType ?? definition.element;
}

function valueAt(plain: PlainValue, path: YamlPath): PlainValue | undefined {
  let value: PlainValue | undefined = plain;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string | number, PlainValue | undefined>)[part];
  }
  return value;
}

/** The key a value stands under; of an item in a list, the list's. */
function nameOf(path: YamlPath): string {
  const name = path.findLast((part) => typeof part === 'string');
  return name === undefined ? 'this item' : `"${name}"`;
}

function describe(value: PlainValue): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  return String(value);
}
