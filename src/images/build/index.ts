export { buildMemoryEnvironment } from './memory-environment.js';
export type {
  BuildProgress,
  BuiltFile,
  KernelFlavour,
  MemoryEnvironment,
  MemoryEnvironmentOptions,
  OsImage,
  OsImageOptions,
} from './build-types.js';
