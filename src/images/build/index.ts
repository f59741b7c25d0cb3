export { buildMemoryEnvironment } from './memory-environment.js';
export { describeFile } from './built-file.js';
export { buildableReleases, packageSource } from './distribution.js';
export { sourceLines } from './fetch-root.js';
export { buildOsImage } from './os-image.js';
export type {
  Baked,
  BuildProgress,
  BuiltFile,
  KernelFlavour,
  MemoryEnvironment,
  MemoryEnvironmentOptions,
  OsImage,
  OsImageOptions,
} from './build-types.js';
