export type * from './power.js';
