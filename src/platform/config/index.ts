export { ALL_ROLES, type Role, type Settings } from './settings.js';
export { loadSettings, settingNames, type Environment } from './load-settings.js';
export { inheritedEnvironment } from './inherited-environment.js';
