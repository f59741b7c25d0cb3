export { CLOCK, PlatformModule, SETTINGS } from './platform.module.js';
