import type { Diagnostics } from '../diagnostics.js';
import { expectedNames } from '../near-miss.js';
import type { Span } from '../source.js';

/** The folder beside those of the roles whose files all of them can name, as `shared/NAME`. */
export const SHARED_FOLDER = 'shared';

/** A file that lies beside a role's scripts on the node. */
export interface RoleText {
  name: string;
  text: string;
}

/** What is in the shared folder, as roles name it. */
export function sharedFiles(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${SHARED_FOLDER}/${name}`, text]));
}

/** The role's `files:`. On the node a shared one has its own name alone, beside the others. */
export function readFiles(
  written: readonly string[],
  files: Readonly<Record<string, string>>,
  at: (index: number) => Span,
  diagnostics: Diagnostics,
): RoleText[] {
  const taken = new Map<string, string>();
  return written.map((path, index) => {
    const name = path.startsWith(`${SHARED_FOLDER}/`) ? path.slice(SHARED_FOLDER.length + 1) : path;
    const other = taken.get(name);
    if (other !== undefined)
      diagnostics.error(at(index), `"${path}" and "${other}" are one file on the node`, 'rename one of them');
    taken.set(name, path);
    return { name, text: fileText(path, files, at(index), diagnostics) };
  });
}

/** The text of a file that the role names; an empty one, and a diagnostic, where there is none. */
export function fileText(
  name: string,
  files: Readonly<Record<string, string>>,
  at: Span,
  diagnostics: Diagnostics,
): string {
  const text = Object.hasOwn(files, name) ? files[name] : undefined;
  if (text === undefined)
    diagnostics.error(at, `the role has no file "${name}"`, expectedNames(name, Object.keys(files), 'files'));
  else if (text.startsWith('#!') && text.includes('\r\n'))
    diagnostics.error(at, `the lines of "${name}" end with CR LF`, `sed -i 's/\\r$//' ${name}`);
  return text ?? '';
}
