import { MusterError } from '../../error.js';

/** What a script published. */
export interface PublishedValues {
  outputs: Record<string, string>;
  secretOutputs: Record<string, string>;
}

export const OUTPUT_CAP_BYTES = 1024 * 1024;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/**
 * Reads a script's `$MUSTER_OUTPUT`: lines `key=value`, blocks `key<<EOF` to a line `EOF`, either with `secret ` before
 * it; empty lines and lines that begin with `#` are left out; the last of two equal keys counts.
 */
export function parseOutputFile(bytes: Buffer): PublishedValues {
  if (bytes.length > OUTPUT_CAP_BYTES) throw badOutput(0, `it is longer than ${OUTPUT_CAP_BYTES} bytes`);
  const text = textOf(bytes);
  const values: PublishedValues = { outputs: {}, secretOutputs: {} };
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/\r$/, '');
    if (line === '' || line.startsWith('#')) continue;
    const isSecret = /^secret\s+/.test(line);
    const entry = line.replace(/^secret\s+/, '');
    const block = /^([^=<]+)<<\s*(\S+)$/.exec(entry);
    const equals = entry.indexOf('=');
    if (block === null && equals < 1) throw badOutput(at + 1, 'expected key=value or key<<EOF');
    const name = block?.[1]?.trim() ?? entry.slice(0, equals).trim();
    if (!NAME.test(name)) throw badOutput(at + 1, `"${name.slice(0, 80)}" is no name for a value`);
    let value = entry.slice(equals + 1);
    if (block !== null) {
      const end = lines.indexOf(block[2] ?? '', at + 1);
      if (end < 0) throw badOutput(at + 1, `the block has no end "${block[2] ?? ''}"`);
      value = lines.slice(at + 1, end).join('\n');
      at = end;
    }
    if (value.includes('\0')) throw badOutput(at + 1, `the value of "${name}" holds a NUL`);
    // `hasOwn`-safe: a script may well publish "constructor".
    define(isSecret ? values.secretOutputs : values.outputs, name, value);
  }
  return values;
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A value is given on byte by byte, so what is no text is refused rather than mended. */
function textOf(bytes: Buffer): string {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    throw new MusterError('invalid', 'what the script published is not UTF-8', {
      hint: 'publish bytes as text, by base64 for example',
    });
  }
}

function define(target: Record<string, string>, name: string, value: string): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function badOutput(line: number, message: string): MusterError {
  return new MusterError('invalid', `cannot read what the script published: line ${line}: ${message}`, {
    hint: 'append lines key=value, or key<<EOF blocks, to $MUSTER_OUTPUT',
  });
}

/** What is declared as secret is kept as one, whether the script says so or not. */
export function publishedBy(secrets: readonly string[] | undefined, output: Buffer): PublishedValues {
  const published = parseOutputFile(output);
  if (secrets === undefined) return published;
  const declared = new Set(secrets);
  const undeclared = Object.keys(published.secretOutputs).find((name) => !declared.has(name));
  if (undeclared !== undefined) {
    throw new MusterError('invalid', `cannot take the secret "${undeclared}": the role does not declare it`, {
      hint: `role.yaml: secrets: {${undeclared}: []}`,
    });
  }
  const isSecret = ([name]: [string, string]) => declared.has(name);
  const open = Object.entries(published.outputs);
  return {
    outputs: Object.fromEntries(open.filter((entry) => !isSecret(entry))),
    secretOutputs: { ...Object.fromEntries(open.filter(isSecret)), ...published.secretOutputs },
  };
}

/** While the script runs, the file may be half written: its secrets count as soon as they can be read. */
export function secretsSoFar(declared: readonly string[] | undefined, output: Buffer): Record<string, string> {
  try {
    return publishedBy(declared, output.subarray(0, output.lastIndexOf('\n') + 1)).secretOutputs;
  } catch {
    return {};
  }
}
