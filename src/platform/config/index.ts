export type { Role, Settings } from './settings.js';
export { loadSettings, type Environment } from './load-settings.js';
export { inheritedEnvironment } from './inherited-environment.js';
export { rootCacheDir } from './root-cache.js';
