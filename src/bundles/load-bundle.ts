import { bundleFrom, type Bundle } from './bundle.js';
import { checkShape } from './check-shape.js';
import { Diagnostics, type Diagnostic } from './diagnostics.js';
import { applyOverlay } from './overlay.js';
import { parseYaml } from './parse.js';
import type { RoleLibrary } from './roles/role.js';
import { bundleSchema } from './schema.js';
import type { SourceFile } from './source.js';
import { validateBundle } from './validate.js';
import type { YamlNode } from './yaml-tree.js';

export interface LoadedBundle {
  /** Null where there are errors. */
  bundle: Bundle | null;
  /** Everything there is to say about it, errors and notices, in the order of the files. */
  diagnostics: Diagnostic[];
}

/**
 * Reads a bundle: the first file, with its further documents and the other files laid over it in order.
 * Tells all problems, not the first: those of shape, then (where the shape is right) those of meaning.
 */
export function loadBundle(files: readonly SourceFile[], roles: RoleLibrary): LoadedBundle {
  const diagnostics = new Diagnostics();
  const trees = files.map((file) => parseYaml(file, diagnostics));
  const [first, ...overlays] = trees.flatMap((tree) => tree ?? []);
  if (diagnostics.hasErrors()) return refused(diagnostics);
  if (first === undefined) {
    const source = files[0] ?? { name: 'bundle.yaml', text: '' };
    diagnostics.error({ source, start: 0, end: 1 }, 'the bundle is empty', 'expected such as applications:');
    return refused(diagnostics);
  }
  const root = overlays.reduce((base: YamlNode, overlay) => applyOverlay(base, overlay, diagnostics), first);
  if (!checkShape(root, bundleSchema, diagnostics)) return refused(diagnostics);
  const bundle = bundleFrom(root, diagnostics);
  validateBundle(bundle, roles, diagnostics);
  return diagnostics.hasErrors() ? refused(diagnostics) : { bundle, diagnostics: diagnostics.list() };
}

function refused(diagnostics: Diagnostics): LoadedBundle {
  return { bundle: null, diagnostics: diagnostics.list() };
}
