export * from './dry-run-remote.js';
export * from './errors.js';
export { generateSshKey } from './generate-ssh-key.js';
export { hostKeyFingerprint } from './host-keys.js';
export * from './quote.js';
export * from './remote.js';
export { probeHostKey, type HostKeyProbe } from './probe-host-key.js';
export { showHostKey } from './show-host-key.js';
export { SshRemote } from './ssh-remote.js';
