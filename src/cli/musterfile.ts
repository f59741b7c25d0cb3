import { existsSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { readText } from './read-text.js';

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
  /** `app.option=value` each; of the line, where a value may be `@FILE` or `-`. */
  set: string[];
  /** As they are: of a Musterfile, or answered. */
  literal: string[];
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
  const literal = Object.entries(set).map(([key, value]) => `${key}=${value}`);
  return { bundle, on, name, set: [], literal, overlay: overlays };
}

function parsed(path: string): unknown {
  try {
    return parse(readText(path), { maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(EXIT.usage, `cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface Setting {
  application: string;
  option: string;
  value: string;
}

/** Their values as {@link CliContext.openValue} reads them. */
export async function openSettings(context: CliContext, settings: readonly Setting[]): Promise<Setting[]> {
  const opened: Setting[] = [];
  for (const setting of settings) opened.push({ ...setting, value: await context.openValue(setting.value) });
  return opened;
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

/** The command that does the same and asks nothing; `more` are options of the line besides, by their names. */
export function headlessCommand(
  { bundle, on, name, set, literal, overlay }: UpChoices,
  more: Readonly<Record<string, string | readonly string[] | undefined>> = {},
): string {
  const others = Object.entries(more).flatMap(([option, value = []]) =>
    [value].flat().map((each) => [`--${option}`, quoted(each)]),
  );
  return [
    ...['muster', 'up', quoted(bundle ?? '')],
    ...(on === undefined ? [] : ['--on', quoted(on)]),
    ...(name === undefined ? [] : ['--name', quoted(name)]),
    ...overlay.flatMap((file) => ['--overlay', quoted(file)]),
    ...set.flatMap((setting) => ['--set', quoted(setting)]),
    ...literal.flatMap((setting) => ['--set', quoted(setting.replace(/^([^=]*=)@/, '$1@@'))]),
    ...others.flat(),
    '--yes',
  ].join(' ');
}

/** As one word for a POSIX shell. */
function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
