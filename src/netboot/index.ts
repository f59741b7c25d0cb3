export * from './boot-client.js';
export type { BootDecision, BootMachine, BootPolicy, BootView } from './boot-decision.js';
export type { MenuOperations } from './boot-scripts.js';
export type { MenuChoice } from './ipxe-script.js';
export { NetbootModule } from './netboot.module.js';
