import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { CliError, EXIT } from './exit-code.js';

export const MUSTERFILE = 'Musterfile';

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const musterfile = z.strictObject({
  bundle: z.string(),
  on: z.string().optional(),
  name: z.string().optional(),
  set: z.record(z.string(), scalar).optional(),
  overlays: z.array(z.string()).optional(),
});

export interface UpChoices {
  bundle?: string;
  on?: string;
  name?: string;
  /** `app.option=value` each. */
  set: string[];
  overlay: string[];
}

/** What the Musterfile of this folder says, or null where there is none. Paths in it are relative to this folder. */
export function readMusterfile(path = MUSTERFILE): UpChoices | null {
  if (!existsSync(path)) return null;
  const read = musterfile.safeParse(parsed(path));
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new CliError(EXIT.usage, `cannot use ${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
  }
  const { bundle, on, name, set = {}, overlays = [] } = read.data;
  return { bundle, on, name, set: Object.entries(set).map(([key, value]) => `${key}=${value}`), overlay: overlays };
}

function parsed(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'), { maxAliasCount: 0 });
  } catch (error) {
    throw new CliError(EXIT.usage, `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface Setting {
  application: string;
  option: string;
  value: string;
}

/** Reads `app.option=value`. */
export function settingsOf(texts: readonly string[]): Setting[] {
  return texts.map((text) => {
    const [, application, option, value] = /^([^.=\s]+)\.([^=\s]+)=([^]*)$/.exec(text) ?? [];
    if (application === undefined || option === undefined || value === undefined)
      throw new CliError(EXIT.usage, `cannot read the setting "${text}"`, 'give application.option=value');
    return { application, option, value };
  });
}

/** The command that does the same and asks nothing. */
export function headlessCommand({ bundle, on, name, set, overlay }: UpChoices): string {
  return [
    ...['muster', 'up', quoted(bundle ?? '')],
    ...(on === undefined ? [] : ['--on', quoted(on)]),
    ...(name === undefined ? [] : ['--name', quoted(name)]),
    ...overlay.flatMap((file) => ['--overlay', quoted(file)]),
    ...set.flatMap((setting) => ['--set', quoted(setting)]),
    '--yes',
  ].join(' ');
}

/** As one word for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
