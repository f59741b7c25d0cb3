export { keyIdOf, SecretBox } from './secret-box.js';
export { KeyFile, newKey, openSecretBox, type KeyFileSettings } from './key-file.js';
