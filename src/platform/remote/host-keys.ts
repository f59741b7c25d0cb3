import { createHash } from 'node:crypto';
import { MusterError } from '../../error.js';

interface PinnedKey {
  type: string;
  /** The key's wire form (RFC 4253, 6.6). */
  blob: Buffer;
}

/** OpenSSH public key lines. Throws on a line that is none. */
export function parseHostKeys(lines: readonly string[]): PinnedKey[] {
  return lines.map((line) => {
    const [type = '', base64 = ''] = line.trim().split(/\s+/);
    const blob = Buffer.from(base64, 'base64');
    // The blob begins with its type, length first (RFC 4251, 5: string).
    const inner = blob.length > 4 ? blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1') : '';
    if (inner !== type || type === '') {
      throw new MusterError('invalid', `cannot read the host key "${line.slice(0, 60)}"`, {
        hint: 'it should look like: ssh-ed25519 AAAA…',
      });
    }
    return { type, blob };
  });
}

/** The OpenSSH line of a key in its wire form. */
export function hostKeyLine(blob: Buffer): string {
  // Its own type comes first in it, with its length (RFC 4253, 6.6).
  const type = blob.subarray(4, 4 + blob.readUInt32BE(0)).toString('latin1');
  return `${type} ${blob.toString('base64')}`;
}

/** Of an OpenSSH line. Throws where it is none. */
export function hostKeyFingerprint(line: string): string {
  return parseHostKeys([line])
    .map(({ blob }) => fingerprintOf(blob))
    .join();
}

/** `SHA256:…`, as ssh-keygen -l prints it. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The host key algorithms to offer, so that the host shows a key that is pinned (RFC 8332 for RSA with SHA-2). */
export function algorithmsFor(keys: readonly PinnedKey[]): string[] {
  const types = new Set(keys.map((key) => key.type));
  return [...types].flatMap((type) => (type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type]));
}
