export * from './guid.js';
