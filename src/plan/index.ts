export * from './json.js';
export * from './step-spec.js';
