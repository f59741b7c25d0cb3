export { createClientCertificate } from './certificate.js';
export { CertificateAuthority, type ServerIdentity } from './authority.js';
