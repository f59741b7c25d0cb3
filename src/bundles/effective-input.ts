import { isOutputReference, type JsonObject, type JsonValue } from '../plan/index.js';

/**
 * What of the input of a `node.script` step can make a difference to what it does: its scripts, the files that they
 * name, the variables that they read, and the document if they open it. A step is given every option of its unit; one
 * that a step never reads is no reason to run it again; nor is where its packages come from, or which values are masked. In doubt a part counts.
 */
export function effectiveInput(input: JsonObject): JsonObject {
  const { nodeId: _, packages: __, secretVariables: ___, environment, files, input: document, ...rest } = input;
  const scripts = [input.script, input.checkScript].filter((text) => typeof text === 'string');
  const named = filesNamed(scripts, Array.isArray(files) ? files : []);
  const texts = [...scripts, ...named.map(({ content }) => content)];
  return {
    ...rest,
    environment: variablesRead(texts, isObject(environment) ? environment : {}),
    files: named.map(({ path, content }) => ({ path, content })),
    ...(texts.some((text) => text.includes('MUSTER_INPUT')) ? { input: document ?? null } : {}),
  };
}

interface NamedFile {
  path: string;
  content: string;
}

/** The files that a script names, and those that these name in turn. */
function filesNamed(scripts: readonly string[], files: readonly JsonValue[]): NamedFile[] {
  const left = files.filter(isFile);
  const found: NamedFile[] = [];
  const open = [...scripts];
  for (let text = open.pop() ?? null; text !== null; text = open.pop() ?? null)
    for (const file of namedIn(text, left)) {
      left.splice(left.indexOf(file), 1);
      found.push(file);
      open.push(file.content);
    }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function namedIn(text: string, files: readonly NamedFile[]): NamedFile[] {
  return files.filter(({ path }) => text.includes(path.replace(/^.*\//, '')));
}

function isFile(file: JsonValue): file is { path: string; content: string } {
  return isObject(file) && typeof file.path === 'string' && typeof file.content === 'string';
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isOutputReference(value);
}

/** Ways to read all of the environment without naming a variable. */
const READS_ALL = /\bprintenv\b|\bcompgen\b|\bdeclare -p\b|\/environ\b|\benv *(?:\||\)|$)|\benviron\b(?!\[|\.get\()/m;

function variablesRead(texts: readonly string[], environment: JsonObject): JsonObject {
  const whole = texts.join('\n');
  if (READS_ALL.test(whole)) return environment;
  const names = new Set(whole.match(/[A-Za-z_]\w*/g));
  // `REL_DB_${i}_ADDRESS` reads every variable that begins so.
  const beginnings = [...whole.matchAll(/([A-Z_][A-Z0-9_]*_)[${"'%]/g)].map(([, beginning = '']) => beginning);
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => names.has(name) || beginnings.some((beginning) => name.startsWith(beginning)),
    ),
  );
}
