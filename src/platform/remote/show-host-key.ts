import ssh2 from 'ssh2';
import { fingerprintOf, hostKeyLine } from './host-keys.js';
import { KEY_EXCHANGE } from './probe-host-key.js';

export interface ShownHostKey {
  /** An OpenSSH line. */
  hostKey: string | null;
  fingerprint: string | null;
  /** Why there is none. */
  problem: string | null;
}

/** The host key that a server shows, for a person to compare. Nothing is sent to it that matters, and nobody logs in. */
export function showHostKey(target: { host: string; port: number }, timeoutMs: number): Promise<ShownHostKey> {
  return new Promise((resolve) => {
    const client = new ssh2.Client();
    const end = (shown: ShownHostKey) => {
      client.removeAllListeners();
      client.on('error', () => undefined);
      client.destroy();
      resolve(shown);
    };
    client.on('error', (error) => end({ hostKey: null, fingerprint: null, problem: error.message }));
    client.on('close', () => end({ hostKey: null, fingerprint: null, problem: 'the connection was closed' }));
    client.connect({
      ...target,
      username: 'nobody',
      readyTimeout: timeoutMs,
      algorithms: {
        kex: [...KEY_EXCHANGE],
        serverHostKey: ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256'],
      },
      hostVerifier: (key: Buffer) => {
        end({ hostKey: hostKeyLine(key), fingerprint: fingerprintOf(key), problem: null });
        return false;
      },
    });
  });
}
