import { bundleFrom, type Bundle } from './bundle.js';
import type { BundleFile } from './bundle-file.js';
import { checkShape } from './check-shape.js';
import { Diagnostics, hasErrors, type Diagnostic } from './diagnostics.js';
import { Includes } from './include.js';
import { applyOverlay } from './overlay.js';
import { parseYaml } from './parse.js';
import { readOwnRoles } from './roles/role-folders.js';
import type { RoleLibrary } from './roles/role.js';
import { bundleSchema } from './schema.js';
import { validateBundle } from './validate.js';
import type { YamlNode } from './yaml-tree.js';

export interface LoadedBundle {
  /** Null where there are errors. */
  bundle: Bundle | null;
  /** The roles that it may use: its own over those that were given. */
  roles: RoleLibrary;
  /** Everything there is to say about it, errors and notices, in the order of the files. */
  diagnostics: Diagnostic[];
}

/**
 * Reads a bundle: the first file, with its further documents and the other layers laid over it in order; files that
 * are attached to it are what it includes and its own roles, which go before those of the library.
 * Tells all problems, not the first: those of shape, then (where the shape is right) those of meaning.
 */
export function loadBundle(files: readonly BundleFile[], library: RoleLibrary): LoadedBundle {
  const diagnostics = new Diagnostics();
  const own = readOwnRoles(files.filter((file) => file.attached === true));
  const roles: RoleLibrary = own.roles.size === 0 ? library : new Map([...library, ...own.roles]);
  const bundle = readLayers(files, diagnostics);
  if (bundle !== null) validateBundle(bundle, roles, diagnostics, own.broken);
  const told = [...diagnostics.list(), ...own.diagnostics];
  return { bundle: hasErrors(told) ? null : bundle, roles, diagnostics: told };
}

/** Null where the shape is not right. */
function readLayers(files: readonly BundleFile[], diagnostics: Diagnostics): Bundle | null {
  const root = readRoot(files, diagnostics);
  return root === null ? null : bundleFrom(root, diagnostics, new Includes(files, diagnostics));
}

/** All layers as one tree, includes not yet resolved; null where its shape is not right, which is told. */
export function readRoot(files: readonly BundleFile[], diagnostics: Diagnostics): YamlNode | null {
  const layers = files.filter((file) => file.attached !== true);
  const trees = layers.map((file) => parseYaml(file, diagnostics));
  const [first, ...overlays] = trees.flatMap((tree) => tree ?? []);
  if (diagnostics.hasErrors()) return null;
  if (first === undefined) {
    const source = layers[0] ?? { name: 'bundle.yaml', text: '' };
    diagnostics.error({ source, start: 0, end: 1 }, 'the bundle is empty', 'expected such as applications:');
    return null;
  }
  const root = overlays.reduce((base: YamlNode, overlay) => applyOverlay(base, overlay, diagnostics), first);
  return checkShape(root, bundleSchema, diagnostics) ? root : null;
}
