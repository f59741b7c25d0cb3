export * from './agent-orders.js';
export * from './facts.js';
