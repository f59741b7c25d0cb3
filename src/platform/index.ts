export { AUTHORITY, CLOCK, PlatformModule, SECRET_BOX, SETTINGS } from './platform.module.js';
