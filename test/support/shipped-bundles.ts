import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RoleLibrary, SourceFile } from '../../src/bundles/index.js';
import { BundleLibrary } from '../../src/deployments/bundle-library.js';

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
  return new BundleLibrary(BUNDLES).roles;
}

function folders(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
