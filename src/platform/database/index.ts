export * from './change-listener.js';
export * from './data-source.js';
export * from './embedded-postgres.js';
export * from './gathering.js';
export * from './lost-connection.js';
export * from './statement.js';
