export * from './options.js';
export * from './packet.js';
export * from './read-transfer.js';
