import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { CliError, EXIT } from './exit-code.js';

export interface SentFile {
  path: string;
  text: string;
  encoding?: 'base64';
}

export interface BundleArgument {
  bundle?: string;
  /** The bundle first (where it is not a shipped one). */
  files: SentFile[];
  overlays: string[];
}

/** In quotes anything may stand in a path; without them it ends at a space, or where YAML's flow style would end it. */
const INCLUDE = /(["'])include-(?:file|base64):\/\/([^"'\n]+)\1|include-(?:file|base64):\/\/([^\s"'#,}\]]+)/g;
const MAX_FILE_BYTES = 1024 * 1024;
/** The API takes 4 MiB in all, as JSON. */
const MAX_BYTES = 3 * 1024 * 1024;
const MAX_FILES = 500;
const MAX_ROLE_DEPTH = 8;

/**
 * What is sent for `muster up ARGUMENT --overlay FILE`: the name of a shipped bundle, or a file (or folder with a
 * bundle.yaml) of this computer, with what they include and the roles beside the bundle (`roles/<name>/…`). Nothing is
 * read from outside the folder of the file that names it, also not by links.
 */
export function readBundle(argument: string, overlays: readonly string[] = []): BundleArgument {
  const path = bundlePath(argument);
  const sent = new SentFiles();
  if (path !== null) {
    const root = realFolder(path);
    sent.layer(path, root, '');
    sent.roles(root);
  }
  const names = overlays.map((overlay, index) => sent.overlay(overlay, path, index + 1));
  return { ...(path === null ? { bundle: argument } : {}), files: sent.list(), overlays: names };
}

/** The roles of a folder (`roles/<name>/…`), without a bundle. */
export function readRoles(folder: string): SentFile[] {
  const sent = new SentFiles();
  sent.roles(realpathSync(folder));
  return sent.list();
}

/** The bundle's file on this computer; null where a shipped bundle is meant. */
export function bundlePath(argument: string): string | null {
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

class SentFiles {
  private readonly files = new Map<string, SentFile>();
  private bytes = 0;

  list(): SentFile[] {
    return [...this.files.values()];
  }

  /** An overlay from elsewhere is known by its number and its own name. */
  overlay(argument: string, bundle: string | null, number: number): string {
    const file = resolve(argument);
    if (!existsSync(file)) throw new CliError(EXIT.notFound, `cannot find the overlay ${argument}`);
    const within = bundle === null ? '..' : relative(dirname(bundle), file);
    const outside = within.startsWith('..');
    const folder = outside ? `overlay-${number}/` : within.slice(0, within.length - basename(within).length);
    return this.layer(file, realFolder(file), folder.replaceAll(sep, '/'));
  }

  /** A file that is laid with the others, and what it includes from its folder. */
  layer(file: string, folder: string, prefix: string): string {
    const name = prefix + basename(file);
    const sent = this.add(name, file);
    if (sent.encoding !== undefined) throw new CliError(EXIT.usage, `cannot send ${file}: it is not text`);
    for (const match of sent.text.matchAll(INCLUDE)) {
      const path = match[2] ?? match[3] ?? '';
      // What is missing, or written with too many "..", the check tells with all the rest.
      const included = resolve(folder, path);
      if (!included.startsWith(folder + sep) || !existsSync(included)) continue;
      const at = `${name}:${sent.text.slice(0, match.index).split('\n').length}`;
      this.add(prefix + relative(folder, included).replaceAll(sep, '/'), included, { folder, at });
    }
    return name;
  }

  roles(root: string): void {
    const folder = join(root, 'roles');
    if (!existsSync(folder)) return;
    for (const role of entriesOf(folder)) this.roleFolder(root, join(folder, role), 0);
  }

  private roleFolder(root: string, path: string, depth: number): void {
    const name = relative(root, path).replaceAll(sep, '/');
    if (depth > MAX_ROLE_DEPTH) throw new CliError(EXIT.usage, `cannot send ${name}: it lies too deep`);
    refuseOutside(path, { folder: root, at: name });
    if (statSync(path).isDirectory()) {
      for (const entry of entriesOf(path)) this.roleFolder(root, join(path, entry), depth + 1);
      return;
    }
    // A file beside the folders of roles is somebody's notes.
    if (depth === 0) return;
    const sent = this.add(name, path);
    if (sent.encoding === undefined) return;
    throw new CliError(
      EXIT.usage,
      `cannot send ${name}: it is not text`,
      "a role's files are text; others are fetched",
    );
  }

  private add(name: string, file: string, within?: { folder: string; at: string }): SentFile {
    const known = this.files.get(name);
    if (known) return known;
    if (within) refuseOutside(file, within);
    const sent = read(name, file);
    this.bytes += sent.text.length;
    this.files.set(name, sent);
    if (this.bytes > MAX_BYTES || this.files.size > MAX_FILES) {
      throw new CliError(
        EXIT.usage,
        `cannot send the bundle: with ${name} it is ${this.files.size} files of ${this.bytes} bytes in all`,
        `at most ${MAX_FILES} files of ${MAX_BYTES} bytes are sent`,
      );
    }
    return sent;
  }
}

function entriesOf(folder: string): string[] {
  if (!statSync(folder).isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.') && !name.endsWith('~'))
    .sort();
}

function realFolder(file: string): string {
  return realpathSync(dirname(file));
}

function refuseOutside(path: string, { folder, at }: { folder: string; at: string }): void {
  if (existsSync(path) && realpathSync(path).startsWith(folder + sep)) return;
  throw new CliError(EXIT.usage, `${at}: ${path} is not sent: a link leads out of ${folder}, or nowhere`);
}

/** Bytes that are not UTF-8, or hold NUL, go as base64. */
function read(name: string, file: string): SentFile {
  const found = statSync(file);
  if (!found.isFile()) throw new CliError(EXIT.usage, `cannot send ${name}: it is not a file`);
  if (found.size > MAX_FILE_BYTES) throw new CliError(EXIT.usage, `cannot send ${name}: it is larger than 1 MiB`);
  const bytes = readFileSync(file);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!text.includes('\0')) return { path: name, text };
  } catch {
    // Not text, then.
  }
  return { path: name, text: bytes.toString('base64'), encoding: 'base64' };
}
