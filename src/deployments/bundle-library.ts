import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  formatDiagnostics,
  parseRole,
  type BundleFile,
  SHARED_FOLDER,
  sharedFiles,
  type RoleDefinition,
  type RoleLibrary,
} from '../bundles/index.js';
import { MusterError } from '../error.js';
import type { BroughtBundles } from './archive/brought-bundles.js';

/**
 * The bundles and roles that come with muster (the folder `bundles` beside package.json), and the bundles that archives
 * brought: these go before shipped ones of the same name, and have their roles with them.
 */
export class BundleLibrary {
  readonly roles: RoleLibrary;

  constructor(
    private readonly folder: string = shippedFolder(),
    private readonly brought: Pick<BroughtBundles, 'names' | 'has' | 'files'> | null = null,
  ) {
    this.roles = readRoles(join(folder, 'roles'));
  }

  /** Names of bundles, in order. */
  names(): string[] {
    const shipped = foldersIn(this.folder).filter((name) => existsSync(join(this.folder, name, 'bundle.yaml')));
    return [...new Set([...shipped, ...(this.brought?.names() ?? [])])].sort();
  }

  /** An archive brought it. */
  isBrought(name: string): boolean {
    return this.brought?.has(name) ?? false;
  }

  /** The texts of a role's folder, and the shared ones that it names: all that it takes to have it elsewhere. */
  roleFiles(name: string): Record<string, string> {
    const folder = join(this.folder, 'roles', this.role(name).name);
    const text = readFileSync(join(folder, 'role.yaml'), 'utf8');
    const shared = Object.entries(sharedFiles(textsBeside(join(this.folder, 'roles', SHARED_FOLDER))));
    const named = shared.filter(([path]) => text.includes(path));
    return { 'role.yaml': text, ...Object.fromEntries(named), ...textsBeside(folder) };
  }

  role(name: string): RoleDefinition {
    const found = this.roles.get(name);
    if (found !== undefined) return found;
    throw new MusterError('not-found', `cannot find a role named "${name}"`, {
      hint: `muster ships ${[...this.roles.keys()].join(', ')}; one of your own is named with its path: roles/${name}`,
    });
  }

  /** The bundle in which a role is tested, where its folder has a `test.yaml`. */
  roleTest(name: string): string | null {
    const path = join(this.folder, 'roles', this.role(name).name, 'test.yaml');
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  }

  /** A bundle by its name: its own file first, then those that came with it. */
  get(name: string): [BundleFile, ...BundleFile[]] {
    if (!this.names().includes(name)) {
      throw new MusterError('not-found', `cannot find a bundle named "${name}"`, {
        hint: `muster ships ${this.names().join(', ')}; a file of your own is named with its path: ./bundle.yaml`,
      });
    }
    const [first, ...attached] = this.isBrought(name) ? (this.brought?.files(name) ?? []) : [];
    if (first !== undefined) return [first, ...attached];
    return [{ name: `${name}/bundle.yaml`, text: readFileSync(join(this.folder, name, 'bundle.yaml'), 'utf8') }];
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
