import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { CliError, EXIT } from './exit-code.js';

export interface BundleArgument {
  bundle?: string;
  files: { path: string; text: string }[];
  overlays: string[];
}

const INCLUDE = /include-(?:file|base64):\/\/([^\s"'#,}\]]+)/g;
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * What is sent for `muster up ARGUMENT --overlay FILE`: the name of a shipped bundle, or a file (or folder with a
 * bundle.yaml) of this computer with what it includes. Included files stay within the folder of the file that names them.
 */
export function readBundle(argument: string, overlays: readonly string[]): BundleArgument {
  const path = fileOf(argument);
  if (path === null) {
    if (overlays.length === 0) return { bundle: argument, files: [], overlays: [] };
    throw new CliError(
      EXIT.usage,
      `cannot lay an overlay on the shipped bundle ${argument}`,
      `write it to a file first: muster bundles show ${argument} > bundle.yaml`,
    );
  }
  const files = new Map<string, string>();
  const root = dirname(path);
  const add = (file: string) => {
    const name = nameOf(root, file);
    const text = readText(file);
    files.set(name, text);
    for (const included of includesOf(file, text)) {
      if (!files.has(nameOf(root, included))) files.set(nameOf(root, included), readText(included));
    }
    return name;
  };
  add(path);
  const overlayNames = overlays.map((overlay) => add(resolve(overlay)));
  return { files: [...files].map(([name, text]) => ({ path: name, text })), overlays: overlayNames };
}

function fileOf(argument: string): string | null {
  if (!existsSync(argument)) {
    if (/[/.]/.test(argument)) throw new CliError(EXIT.notFound, `cannot find the bundle ${argument}`);
    return null;
  }
  const path = resolve(argument);
  if (!statSync(path).isDirectory()) return path;
  const inner = join(path, 'bundle.yaml');
  if (existsSync(inner)) return inner;
  // A folder that happens to be called like a shipped bundle.
  if (!/[/.]/.test(argument)) return null;
  throw new CliError(EXIT.notFound, `cannot find ${inner}`);
}

function includesOf(file: string, text: string): string[] {
  const folder = realpathSync(dirname(file));
  return [...text.matchAll(INCLUDE)].map((match) => {
    const path = resolve(folder, match[1] ?? '');
    if (!existsSync(path)) throw new CliError(EXIT.notFound, `cannot find ${match[1] ?? ''}, which ${file} includes`);
    if (!realpathSync(path).startsWith(folder + sep)) {
      throw new CliError(EXIT.usage, `cannot include ${match[1] ?? ''}: it is outside the folder of ${file}`);
    }
    return path;
  });
}

function readText(path: string): string {
  if (statSync(path).size > MAX_FILE_BYTES)
    throw new CliError(EXIT.usage, `cannot send ${path}: it is larger than 1 MiB`);
  return readFileSync(path, 'utf8');
}

/** Relative to the bundle's folder; a file from elsewhere goes by its own name. */
function nameOf(root: string, file: string): string {
  const path = relative(root, file);
  return path.startsWith('..') ? basename(file) : path;
}
