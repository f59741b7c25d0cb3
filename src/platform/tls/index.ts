export { CertificateAuthority, type ServerIdentity } from './authority.js';
