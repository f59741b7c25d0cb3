export * from './check-plan.js';
export * from './json.js';
export * from './step-spec.js';
