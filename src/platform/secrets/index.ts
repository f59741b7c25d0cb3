export { SecretBox } from './secret-box.js';
export { openSecretBox, rotateKey, type RotatableRows, type SealedRow } from './key-file.js';
