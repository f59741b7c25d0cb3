export * from './remote.js';
export * from './probe-host-key.js';
