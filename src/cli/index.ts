export type { CliContext, CliIo, Register } from './context.js';
export { run } from './run.js';
