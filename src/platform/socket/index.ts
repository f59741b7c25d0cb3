export * from './open-udp.js';
export * from './segmentation.js';
