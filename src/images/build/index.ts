export { buildMemoryEnvironment } from './memory-environment.js';
export { buildableReleases } from './distribution.js';
export { buildOsImage } from './os-image.js';
export type {
  BuildProgress,
  BuiltFile,
  KernelFlavour,
  MemoryEnvironment,
  MemoryEnvironmentOptions,
  OsImage,
  OsImageOptions,
} from './build-types.js';
