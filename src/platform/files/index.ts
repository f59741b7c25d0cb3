export * from './durable.js';
export { packageRoot } from './package-root.js';
