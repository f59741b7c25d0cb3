export * from './magic-packet.js';
