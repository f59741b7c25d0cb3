import { MusterError } from '../error.js';
import type { JsonValue } from '../plan/index.js';

/**
 * Conditions of accept and tag rules, over one machine as JSON:
 *
 *     condition = term *( " and " term )
 *     term      = "any" | path | path operator value | path " any " key operator value
 *     operator  = "=" | "!=" | ">=" | "<=" | ">" | "<" | "^=" (begins with)
 *
 * `declared`, `architecture=amd64 and facts.memoryMegabytes>=1024`, `facts.pci any vendor=10de`, `macs ^= 52:54:00`.
 * Against a list, a comparison holds where one of its elements fits. What is not there fits nothing but `!=`.
 */
export type MachineCondition = (machine: JsonValue) => boolean;

const TERM = /^([A-Za-z][\w.]*)(?:\s+any\s+([A-Za-z]\w*))?\s*(!=|>=|<=|\^=|=|>|<)\s*(\S(?:.*\S)?)$/;
const LONGEST = 1000;

export function parseCondition(text: string): MachineCondition {
  if (text.length > LONGEST) throw new MusterError('invalid', `cannot read a condition of ${text.length} characters`);
  const terms = text.split(/\s+and\s+/).map((term) => parseTerm(term.trim()));
  return (machine) => terms.every((holds) => holds(machine));
}

function parseTerm(text: string): MachineCondition {
  if (text === 'any') return () => true;
  if (/^[A-Za-z][\w.]*$/.test(text)) return (machine) => isTruthy(at(machine, text));
  const [, path, key, operator, value] = TERM.exec(text) ?? [];
  if (path === undefined || operator === undefined || value === undefined)
    throw new MusterError('invalid', `cannot read the condition "${text}"`, {
      hint: 'write it like: facts.memoryMegabytes >= 4096 and tags = gpu',
    });
  return (machine) => {
    const found = at(machine, path);
    const element = key === undefined ? found : elements(found).map((item) => at(item, key));
    return compare(element, operator, value);
  };
}

function at(value: JsonValue, path: string): JsonValue {
  let found: JsonValue | undefined = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null || Array.isArray(found) || !Object.hasOwn(found, key)) return null;
    found = found[key];
  }
  return found ?? null;
}

function elements(value: JsonValue): JsonValue[] {
  return Array.isArray(value) ? value : value === null ? [] : [value];
}

function isTruthy(value: JsonValue): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}

function compare(found: JsonValue, operator: string, value: string): boolean {
  if (operator === '!=') return !elements(found).some((element) => compareOne(element, '=', value));
  return elements(found).some((element) => compareOne(element, operator, value));
}

function compareOne(element: JsonValue, operator: string, value: string): boolean {
  if (element === null || typeof element === 'object') return false;
  if (operator === '=') return String(element) === value;
  if (operator === '^=') return String(element).startsWith(value);
  const [left, right] = [Number(element), Number(value)];
  if (operator === '>=') return left >= right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left < right;
}
