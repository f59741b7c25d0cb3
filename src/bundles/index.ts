export { formatBase, parseBase, type Base } from './base.js';
export type { BundleFile } from './bundle-file.js';
export type { Bundle, BundleApplication, BundleQuestion } from './bundle.js';
export {
  compileAction,
  compileBundle,
  compileRemove,
  compileVerify,
  type CompiledBundle,
  type CompiledRemoval,
  type CompileInput,
} from './compile.js';
export { cronProblem, nextTimes } from './cron-times.js';
export { formatConstraints, type Constraints, type FactConstraint } from './constraints.js';
export { diffPlan, type AppliedStep, type PlanDiff, type Standing, type StepChange } from './diff.js';
export { formatDiagnostic, formatDiagnostics, hasErrors, type Diagnostic, type Severity } from './diagnostics.js';
export { exportBundle, type ExportedBundle, type ExportedFile } from './export-bundle.js';
export { bundleGraph, type GraphFormat } from './graph.js';
export { loadBundle, type LoadedBundle } from './load-bundle.js';
export { optionChanges, SECRET_SHOWN, type OptionChange } from './option-changes.js';
export type { PlannedNode, PlannedUnit, PlaceOptions } from './place.js';
export { SHARED_FOLDER, sharedFiles } from './roles/role-files.js';
export { readOwnRoles } from './roles/role-folders.js';
export { readParams, secretsAmong, type RoleAction } from './roles/role-action.js';
export { parseRole, type RoleDefinition, type RoleLibrary } from './roles/role.js';
export { needsOfBundle, needsOfRoles, type RoleNeeds } from './role-needs.js';
export { bundleJsonSchema, roleJsonSchema } from './schema.js';
export type { BundleSchedule } from './schedules.js';
export { expectedNames } from './near-miss.js';
export { mergeSettings, placementsOfSettings, settingOverlay, type Setting } from './setting-overlay.js';
export type { SourceFile } from './source.js';
export { isUnitStep, stepDigest } from './step-digest.js';
export { sorted, stepsOfDependants, unitOfKey } from './step-order.js';
export type { KnownDeployment } from './unit-steps.js';
