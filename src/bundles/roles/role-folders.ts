import type { BundleFile } from '../bundle-file.js';
import { Diagnostics, type Diagnostic } from '../diagnostics.js';
import { SHARED_FOLDER, sharedFiles } from './role-files.js';
import { parseRole, type RoleDefinition } from './role.js';

/** The roles that came with a bundle. */
export interface OwnRoles {
  roles: ReadonlyMap<string, RoleDefinition>;
  /** Folders whose role cannot be read: what is wrong with them is told already. */
  broken: ReadonlySet<string>;
  diagnostics: Diagnostic[];
}

const ROLE_FILE = /^roles\/([^/]+)\/(.+)$/;

/** Reads every `roles/<name>/…` among the files of a bundle; `roles/shared/…` are for all of them. */
export function readOwnRoles(files: readonly BundleFile[]): OwnRoles {
  const folders = new Map<string, BundleFile[]>();
  for (const file of files) {
    const [, folder] = ROLE_FILE.exec(file.name) ?? [];
    if (folder === undefined) continue;
    const there = folders.get(folder);
    if (there) there.push(file);
    else folders.set(folder, [file]);
  }
  const roles = new Map<string, RoleDefinition>();
  const broken = new Set<string>();
  const common = folders.get(SHARED_FOLDER) ?? [];
  folders.delete(SHARED_FOLDER);
  const told = common.flatMap((file) => (file.encoding === undefined ? [] : notText(file).diagnostics));
  const shared = sharedFiles(textsOf(common, SHARED_FOLDER));
  for (const [folder, inFolder] of folders) {
    const { role, diagnostics } = readFolder(folder, inFolder, shared);
    told.push(...diagnostics);
    if (role) roles.set(folder, role);
    else broken.add(folder);
  }
  return { roles, broken, diagnostics: told };
}

function readFolder(folder: string, files: readonly BundleFile[], shared: Readonly<Record<string, string>>) {
  const prefix = `roles/${folder}/`;
  const binary = files.find((file) => file.encoding !== undefined);
  if (binary) return notText(binary);
  const source = files.find((file) => file.name === `${prefix}role.yaml`);
  if (!source)
    return refused({ name: `${prefix}role.yaml`, text: '' }, 'this file is missing', 'a role has a role.yaml');
  const beside = files.filter((file) => file !== source);
  const { role, diagnostics } = parseRole(source, { ...shared, ...textsOf(beside, folder) });
  if (role && role.name !== folder)
    return refused(source, `role "${role.name}" stands in the folder "${folder}"`, 'both have the same name');
  return { role, diagnostics };
}

function textsOf(files: readonly BundleFile[], folder: string): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file.name.slice(`roles/${folder}/`.length), file.text]));
}

function notText(file: BundleFile) {
  return refused(file, `${file.name} is not text`, "a role's files are text: fetch others as artifacts");
}

function refused(source: BundleFile, message: string, hint: string): { role: null; diagnostics: Diagnostic[] } {
  const diagnostics = new Diagnostics();
  diagnostics.error(
    { source: { ...source, text: source.encoding === undefined ? source.text : '' }, start: 0, end: 1 },
    message,
    hint,
  );
  return { role: null, diagnostics: diagnostics.list() };
}
