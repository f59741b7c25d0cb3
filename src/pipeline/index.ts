export type * from './step-handler.js';
