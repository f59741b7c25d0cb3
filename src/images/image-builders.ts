import type { MemoryEnvironment, MemoryEnvironmentOptions, OsImage, OsImageOptions } from './build/index.js';

/** What makes images on this computer. A token of its own, so that a test can do without half an hour of packages. */
export interface ImageBuilders {
  buildMemoryEnvironment(options: MemoryEnvironmentOptions): Promise<MemoryEnvironment>;
  buildOsImage(options: OsImageOptions): Promise<OsImage>;
}

export const IMAGE_BUILDERS = Symbol('ImageBuilders');
