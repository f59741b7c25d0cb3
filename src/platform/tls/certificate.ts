// @peculiar/x509 resolves its own parts with tsyringe, which needs this first.
import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import { MusterError } from '../../error.js';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_LIFETIME_DAYS = 20 * 365;
/** LXD's own client makes them for ten years. */
const CLIENT_LIFETIME_DAYS = 10 * 365;
/** Browsers refuse server certificates that live longer (CA/Browser Forum baseline requirements, 6.3.2). */
const SERVER_LIFETIME_DAYS = 397;
/** An agent corrects its clock only when it is off by more than a day. */
const BACKDATED_DAYS = 2;

/** A private key (PKCS #8) and its certificate, both in PEM. */
export interface KeyAndCertificate {
  keyPem: string;
  certificatePem: string;
}

/** A self-signed authority that can sign servers and nothing below them. */
export async function createAuthority(now: Date): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Two installations must not be taken for each other by a client that trusts both.
    name: [{ CN: [`muster CA ${webcrypto.randomUUID().slice(0, 8)}`] }],
    serialNumber: newSerialNumber(),
    notBefore: new Date(now.getTime() - BACKDATED_DAYS * DAY_MS),
    notAfter: new Date(now.getTime() + CA_LIFETIME_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { keyPem: await exportKey(keys.privateKey), certificatePem: certificate.toString('pem') };
}

/** Signs a server certificate for these DNS names and IP addresses (RFC 5280, 4.2.1.6). At least one is needed. */
export async function createServerCertificate(
  authority: KeyAndCertificate,
  names: readonly string[],
  now: Date,
): Promise<KeyAndCertificate> {
  const [first] = names;
  if (first === undefined) throw new MusterError('invalid', 'cannot make a server certificate without a name');
  const issuer = new x509.X509Certificate(authority.certificatePem);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [first.slice(0, 64)] }],
    issuer: issuer.subject,
    serialNumber: newSerialNumber(),
    notBefore: new Date(now.getTime() - BACKDATED_DAYS * DAY_MS),
    notAfter: new Date(Math.min(now.getTime() + SERVER_LIFETIME_DAYS * DAY_MS, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(names.map(subjectName)),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { keyPem: await exportKey(keys.privateKey), certificatePem: certificate.toString('pem') };
}

/** A self-signed client certificate, for a server that knows its clients by their certificates alone (LXD). */
export async function createClientCertificate(name: string, now: Date): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    serialNumber: newSerialNumber(),
    notBefore: new Date(now.getTime() - BACKDATED_DAYS * DAY_MS),
    notAfter: new Date(now.getTime() + CLIENT_LIFETIME_DAYS * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  return { keyPem: await exportKey(keys.privateKey), certificatePem: certificate.toString('pem') };
}

/** What a certificate says: the names it is for, in its order, and when it ends. Throws when it is not one. */
export function readCertificate(pem: string): { names: string[]; notAfter: Date } {
  const certificate = new x509.X509Certificate(pem);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items ?? [];
  return { names: names.map((name) => name.value), notAfter: certificate.notAfter };
}

/** Whether it was this authority that signed the certificate. */
export function isSignedBy(pem: string, authority: KeyAndCertificate): Promise<boolean> {
  const issuer = new x509.X509Certificate(authority.certificatePem);
  return new x509.X509Certificate(pem).verify({ publicKey: issuer.publicKey, signatureOnly: true });
}

/** SHA-256 of the certificate's DER form, lower-case hex. */
export function fingerprintOf(pem: string): string {
  return createHash('sha256')
    .update(Buffer.from(new x509.X509Certificate(pem).rawData))
    .digest('hex');
}

function subjectName(name: string): x509.JsonGeneralName {
  return isIP(name) === 0 ? { type: 'dns', value: name } : { type: 'ip', value: name };
}

/** 16 random bytes, positive and without a leading zero (RFC 5280, 4.1.2.2). */
function newSerialNumber(): string {
  const bytes = webcrypto.getRandomValues(Buffer.alloc(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ['sign']);
}
