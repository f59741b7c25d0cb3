export type * from './boot-client.js';
