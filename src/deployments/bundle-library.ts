import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  formatDiagnostics,
  parseRole,
  SHARED_FOLDER,
  sharedFiles,
  type RoleDefinition,
  type RoleLibrary,
  type SourceFile,
} from '../bundles/index.js';
import { MusterError } from '../error.js';

/** The bundles and roles that come with muster: the folder `bundles` beside package.json. */
export class BundleLibrary {
  readonly roles: RoleLibrary;

  constructor(private readonly folder: string = shippedFolder()) {
    this.roles = readRoles(join(folder, 'roles'));
  }

  /** Names of bundles, in order. */
  names(): string[] {
    return foldersIn(this.folder).filter((name) => existsSync(join(this.folder, name, 'bundle.yaml')));
  }

  role(name: string): RoleDefinition {
    const found = this.roles.get(name);
    if (found !== undefined) return found;
    throw new MusterError('not-found', `cannot find a role named "${name}"`, {
      hint: `muster ships ${[...this.roles.keys()].join(', ')}`,
    });
  }

  /** The bundle in which a role is tested, where its folder has a `test.yaml`. */
  roleTest(name: string): string | null {
    const path = join(this.folder, 'roles', this.role(name).name, 'test.yaml');
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }

  get(name: string): SourceFile {
    if (!this.names().includes(name)) {
      throw new MusterError('not-found', `cannot find a bundle named "${name}"`, {
        hint: `muster ships ${this.names().join(', ')}; a file of your own is named with its path: ./bundle.yaml`,
      });
    }
    return { name: `${name}/bundle.yaml`, text: readFileSync(join(this.folder, name, 'bundle.yaml'), 'utf8') };
  }
}

function shippedFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'bundles');
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isDirectory())
    .sort();
}

/** Every role, or an error with all that is wrong with all of them. */
function readRoles(folder: string): RoleLibrary {
  const roles = new Map<string, RoleDefinition>();
  const problems: string[] = [];
  const shared = sharedFiles(textsBeside(join(folder, SHARED_FOLDER)));
  for (const name of foldersIn(folder)) {
    if (name === SHARED_FOLDER) continue;
    const source = { name: `roles/${name}/role.yaml`, text: readFileSync(join(folder, name, 'role.yaml'), 'utf8') };
    const { role, diagnostics } = parseRole(source, { ...shared, ...textsBeside(join(folder, name)) });
    if (role === null) problems.push(formatDiagnostics(diagnostics));
    else roles.set(role.name, role);
  }
  if (problems.length > 0) throw new MusterError('internal', `cannot read the roles:\n${problems.join('\n')}`);
  return roles;
}

function textsBeside(folder: string): Record<string, string> {
  if (!existsSync(folder)) return {};
  const names = readdirSync(folder).filter((name) => name !== 'role.yaml' && statSync(join(folder, name)).isFile());
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}
