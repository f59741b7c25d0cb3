import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  formatDiagnostics,
  parseRole,
  type RoleDefinition,
  type RoleLibrary,
  type SourceFile,
} from '../../src/bundles/index.js';

const BUNDLES = join(import.meta.dirname, '../../bundles');

/** The names of the bundles in the repository. */
export function shippedBundleNames(): string[] {
  return folders(BUNDLES).filter((name) => name !== 'roles');
}

export function shippedBundle(name: string): SourceFile {
  return { name: 'bundle.yaml', text: readFileSync(join(BUNDLES, name, 'bundle.yaml'), 'utf8') };
}

/** The roles in the repository; throws with their diagnostics where one is wrong. */
export function shippedRoles(): RoleLibrary {
  const roles = new Map<string, RoleDefinition>();
  for (const name of folders(join(BUNDLES, 'roles'))) {
    const folder = join(BUNDLES, 'roles', name);
    const files = Object.fromEntries(
      readdirSync(folder).map((file): [string, string] => [file, readFileSync(join(folder, file), 'utf8')]),
    );
    const { role, diagnostics } = parseRole({ name: `${name}/role.yaml`, text: files['role.yaml'] ?? '' }, files);
    if (!role) throw new Error(formatDiagnostics(diagnostics));
    roles.set(role.name, role);
  }
  return roles;
}

function folders(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
