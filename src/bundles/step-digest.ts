import { createHmac } from 'node:crypto';
import { isOutputReference, type JsonObject, type JsonValue, type OutputReference } from '../plan/index.js';
import { effectiveInput } from './effective-input.js';

/**
 * Names what a step was run with. Equal scripts, options and values of related units give an equal digest, whichever
 * run they came from. Keyed, because what is digested may hold secrets that can be guessed.
 */
export function stepDigest(key: string, input: JsonObject, resolved: JsonObject): string {
  const counted = countedValues(effectiveInput(input), effectiveInput(resolved));
  return createHmac('sha256', key).update(canonical(counted)).digest('hex');
}

/** True where a reference stands for a value that a unit published, or for a node's address: others count by name. */
export function countsByValue({ step, name }: OutputReference['$output']): boolean {
  return isUnitStep(step) || (step.startsWith('node/') && name === 'address');
}

/** `etcd/0:configure`. */
export function isUnitStep(key: string): boolean {
  return /^[a-z][a-z0-9-]*\/\d+:/.test(key);
}

function countedValues(planned: JsonValue, resolved: JsonValue): JsonValue {
  if (typeof planned !== 'object' || planned === null) return resolved;
  if (isOutputReference(planned)) {
    const { step, name } = planned.$output;
    return countsByValue(planned.$output) ? resolved : `${step}.${name}`;
  }
  if (Array.isArray(planned)) {
    const list = Array.isArray(resolved) ? resolved : [];
    return planned.map((item, index) => countedValues(item, list[index] ?? null));
  }
  const values = typeof resolved === 'object' && resolved !== null && !Array.isArray(resolved) ? resolved : {};
  return Object.fromEntries(
    Object.entries(planned).map(([key, value]) => [key, countedValues(value, values[key] ?? null)]),
  );
}

/** JSON with its keys in order. */
function canonical(value: JsonValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}
