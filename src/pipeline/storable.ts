import type { JsonValue } from '../plan/index.js';

/** Postgres takes no NUL in a text, and JSON no half of a surrogate pair either. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** A text as Postgres can keep it: NULs are left out, as in a step's log. */
export function storable(text: string): string {
  return text.replaceAll('\0', '').replace(/\p{Surrogate}/gu, '\uFFFD');
}

/** The JSON of a value with all texts in it as Postgres can keep them. */
export function storableJson(value: JsonValue): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'string' ? storable(item) : item));
}

/** The name of a value that cannot be kept as it is; null where all can. */
export function findUnstorable(values: Readonly<Record<string, JsonValue>>): string | null {
  const found = Object.entries(values).find(([name, value]) => UNSTORABLE.test(name) || !isStorable(value));
  return found?.[0] ?? null;
}

function isStorable(value: JsonValue): boolean {
  if (typeof value === 'string') return !UNSTORABLE.test(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, item]) => !UNSTORABLE.test(key) && isStorable(item));
}
