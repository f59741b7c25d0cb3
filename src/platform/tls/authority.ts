import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import { systemClock, type Clock } from '../clock.js';
import { createOnceDurably, writeDurably } from '../files/index.js';
import {
  createAuthority,
  createServerCertificate,
  fingerprintOf,
  isSignedBy,
  readCertificate,
  type KeyAndCertificate,
} from './certificate.js';

const RENEW_BEFORE_MS = 30 * 86_400_000;

/** What `https.createServer` and `SecureContext` take. */
export interface ServerIdentity {
  key: string;
  /** The server's certificate followed by the authority's. */
  cert: string;
  notAfter: Date;
}

/**
 * muster's own certificate authority, made once in `<dataDir>/tls` and readable by muster alone. Machines know it by the
 * hash on their kernel command line.
 */
export class CertificateAuthority {
  private constructor(
    private readonly dir: string,
    private readonly authority: KeyAndCertificate,
    private readonly clock: Clock,
  ) {}

  /** Reads the authority, or makes it at the first start. Processes that start together end with the same one. */
  static async open(dir: string, clock: Clock = systemClock): Promise<CertificateAuthority> {
    const path = join(dir, 'ca.pem');
    const stored = await readPair(path);
    if (stored !== null) return new CertificateAuthority(dir, stored, clock);
    await createOnceDurably(path, writePair(await createAuthority(clock.now())));
    const made = await readPair(path);
    if (made === null) throw new MusterError('internal', `cannot read ${path}, written just now`);
    return new CertificateAuthority(dir, made, clock);
  }

  get certificatePem(): string {
    return this.authority.certificatePem;
  }

  /** SHA-256 of the authority's certificate in DER, lower-case hex: the kernel argument `muster.ca`. */
  caSha256(): string {
    return fingerprintOf(this.authority.certificatePem);
  }

  /**
   * The server's key and certificate for these names and addresses, kept on disk under `purpose`. Made anew when the names
   * change, when less than 30 days are left, or when another authority signed it.
   */
  async serverIdentity(purpose: string, names: readonly string[]): Promise<ServerIdentity> {
    const wanted = [...new Set(names.map(canonicalName))].sort();
    const path = join(this.dir, `${purpose}.pem`);
    const stored = await readPair(path);
    if (stored !== null && (await this.isFit(stored, wanted))) return this.identityOf(stored);
    const made = await createServerCertificate(this.authority, wanted, this.clock.now());
    await writeDurably(path, writePair(made), 0o600);
    return this.identityOf(made);
  }

  private async isFit(pair: KeyAndCertificate, wanted: readonly string[]): Promise<boolean> {
    const { names, notAfter } = readCertificate(pair.certificatePem);
    if (notAfter.getTime() - this.clock.now().getTime() < RENEW_BEFORE_MS) return false;
    if (names.map(canonicalName).sort().join() !== wanted.join()) return false;
    return isSignedBy(pair.certificatePem, this.authority);
  }

  private identityOf(pair: KeyAndCertificate): ServerIdentity {
    return {
      key: pair.keyPem,
      cert: `${pair.certificatePem}\n${this.authority.certificatePem}\n`,
      notAfter: readCertificate(pair.certificatePem).notAfter,
    };
  }
}

/** One spelling an address, so that `fd99:0::1` and `fd99::1` do not make two certificates. */
function canonicalName(name: string): string {
  return isIPv6(name) ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name.toLowerCase();
}

const writePair = (pair: KeyAndCertificate) => `${pair.keyPem}\n${pair.certificatePem}\n`;

/** Null when there is no file. A file that is there and cannot be read is an error: it must not be replaced in silence. */
async function readPair(path: string): Promise<KeyAndCertificate | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new MusterError('internal', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const keyPem = blockOf(text, 'PRIVATE KEY');
  const certificatePem = blockOf(text, 'CERTIFICATE');
  if (keyPem === null || certificatePem === null) {
    throw new MusterError('internal', `cannot use ${path}: it does not hold a private key and a certificate`, {
      hint: `restore ${path} from a backup; without it, machines that boot now will not trust this server`,
    });
  }
  return { keyPem, certificatePem };
}

function blockOf(text: string, label: string): string | null {
  return new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`).exec(text)?.[0] ?? null;
}
