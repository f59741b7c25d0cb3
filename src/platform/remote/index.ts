export * from './dry-run-remote.js';
export * from './errors.js';
export * from './quote.js';
export * from './remote.js';
export * from './probe-host-key.js';
export { SshRemote } from './ssh-remote.js';
