export * from './address.js';
export * from './fan.js';
export * from './prefix.js';
export * from './range.js';
