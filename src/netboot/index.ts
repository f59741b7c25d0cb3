export * from './boot-client.js';
export { decideBoot, type BootDecision, type BootMachine, type BootPolicy, type BootView } from './boot-decision.js';
export type { MenuOperations } from './boot-scripts.js';
export { architectureOf } from './boot-file.js';
export type { MenuChoice } from './ipxe-script.js';
export { checkKernelArguments } from './kernel-arguments.js';
export { MENU_OPERATIONS, NetbootModule } from './netboot.module.js';
