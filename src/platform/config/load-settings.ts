import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { messageOf, MusterError, type ErrorDetail } from '../../error.js';
import { settingsSchema, type Settings } from './settings.js';

export type Environment = Record<string, string | undefined>;

/** These two are read by their customary names as well. */
const CUSTOMARY: Record<string, string[]> = { DATABASE_URL: ['databaseUrl'], REDIS_URL: ['redisUrl'] };

/** `muster.yaml` and the environment, checked against one schema; the environment wins. All problems are told at once. */
export function loadSettings(environment: Environment = process.env): Settings {
  const file =
    environment.MUSTER_CONFIG ?? (existsSync('/etc/muster/muster.yaml') ? '/etc/muster/muster.yaml' : undefined);
  const raw = file === undefined ? {} : readSettingsFile(file);
  const source = new Map<string, string>();
  for (const [name, path] of settingNames()) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    assign(raw, path, value);
    source.set(path.join('.'), name);
  }
  const result = settingsSchema.safeParse(raw);
  if (result.success) return result.data;
  throw new MusterError('invalid', 'cannot start with these settings', {
    details: result.error.issues.map((issue) => detailOf(issue, source, file)),
  });
}

function detailOf(issue: z.core.$ZodIssue, source: Map<string, string>, file: string | undefined): ErrorDetail {
  const path = issue.path.join('.');
  // What is wrong may lie within what one variable holds.
  const variable = issue.path.map((_, index) => source.get(issue.path.slice(0, index + 1).join('.'))).find(Boolean);
  // Zod's own words for a key are "Invalid key in record".
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return { at: variable ?? (file === undefined ? path : `${file}: ${path}`), message };
}

function readSettingsFile(path: string): Record<string, unknown> {
  try {
    const value: unknown = parse(readFileSync(path, 'utf8'), { maxAliasCount: 0 });
    if (value === null) return {};
    if (typeof value !== 'object' || Array.isArray(value)) throw new Error('the file must hold a map of settings');
    return value as Record<string, unknown>;
  } catch (error) {
    throw new MusterError('invalid', `cannot read settings from ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Every setting's environment name and its path in the schema. */
export function settingNames(): [name: string, path: string[]][] {
  const names: [string, string[]][] = Object.entries(CUSTOMARY);
  const visit = (schema: z.ZodObject, path: string[]) => {
    for (const [key, child] of Object.entries(schema.shape)) {
      const inner = innermost(child as z.ZodType);
      if (inner instanceof z.ZodObject) visit(inner, [...path, key]);
      else names.push([`MUSTER_${[...path, key].map(capitals).join('_')}`, [...path, key]]);
    }
  };
  visit(settingsSchema, []);
  return names;
}

function innermost(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional
    ? innermost(schema.unwrap() as z.ZodType)
    : schema;
}

const capitals = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

function assign(target: Record<string, unknown>, path: string[], value: string): void {
  const [head = '', ...rest] = path;
  if (rest.length === 0) target[head] = value;
  else {
    const child = target[head];
    const next = typeof child === 'object' && child !== null ? (child as Record<string, unknown>) : {};
    target[head] = next;
    assign(next, rest, value);
  }
}
