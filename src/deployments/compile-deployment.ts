import {
  compileBundle,
  formatDiagnostics,
  hasErrors,
  loadBundle,
  parseBase,
  type Base,
  type Bundle,
  type BundleFile,
  type CompiledBundle,
  type Diagnostic,
  type PlaceOptions,
  type RoleLibrary,
} from '../bundles/index.js';
import { MusterError } from '../error.js';
import type { DeploymentOptions } from './deployment.entity.js';

export interface CompiledDeployment {
  bundle: Bundle;
  compiled: CompiledBundle;
  /** The library with the bundle's own roles over it. */
  roles: RoleLibrary;
  diagnostics: Diagnostic[];
}

export type LoadedDeployment = Omit<CompiledDeployment, 'compiled'>;

/** Loads and compiles; throws with every problem, each at its place. */
export function compileDeployment(
  files: readonly BundleFile[],
  library: RoleLibrary,
  options: PlaceOptions,
): CompiledDeployment {
  return compileLoaded(loadDeployment(files, library), options);
}

/** Throws with every problem, each at its place. */
export function loadDeployment(files: readonly BundleFile[], library: RoleLibrary): LoadedDeployment {
  const { bundle, roles, diagnostics } = loadBundle(files, library);
  if (bundle === null) throw refusal(diagnostics);
  return { bundle, roles, diagnostics };
}

/** Throws with every problem, each at its place. */
export function compileLoaded(
  { bundle, roles, diagnostics }: LoadedDeployment,
  options: PlaceOptions,
): CompiledDeployment {
  const compiled = compileBundle({ bundle, roles, options });
  const all = [...diagnostics, ...compiled.diagnostics];
  if (hasErrors(compiled.diagnostics)) throw refusal(all);
  return { bundle, compiled, roles, diagnostics: all };
}

/** The operator's base goes before the bundle's; the cloud can give some and not others. */
export function placeOptions({ base }: DeploymentOptions, availableBases?: readonly Base[]): PlaceOptions {
  if (base === undefined) return { availableBases };
  const parsed = parseBase(base);
  if (parsed !== null) return { base: parsed, availableBases };
  throw new MusterError('invalid', `cannot read the base "${base}"`, { hint: 'expected such as debian@12' });
}

function refusal(diagnostics: readonly Diagnostic[]): MusterError {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  return new MusterError(
    'invalid',
    `cannot use this bundle: ${errors.length} problem${errors.length === 1 ? '' : 's'}`,
    {
      details: errors.map((error) => ({
        at: `${error.file}:${error.line}:${error.column}`,
        message: formatDiagnostics([error]),
      })),
    },
  );
}
