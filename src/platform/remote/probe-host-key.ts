import ssh2 from 'ssh2';

/** What came of asking a host for its key. */
export type HostKeyProbe =
  { kind: 'pinned' } | { kind: 'other'; shown: string } | { kind: 'unreachable'; reason: string };

/** Modern key exchange only: old group exchange can block the event loop for tens of seconds. */
export const KEY_EXCHANGE = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'] as const;

/**
 * Asks an SSH server to prove one of the pinned host keys (OpenSSH lines), without logging in: the key exchange comes
 * before any login (RFC 4253, 8).
 */
export function probeHostKey(
  target: { host: string; port: number; hostKeys: readonly string[] },
  timeoutMs: number,
): Promise<HostKeyProbe> {
  const pinned = target.hostKeys.map((line) => line.trim().split(/\s+/)[1] ?? '');
  const types = target.hostKeys.map((line) => line.trim().split(/\s+/)[0] ?? '');
  return new Promise((resolve) => {
    const client = new ssh2.Client();
    let shown: string | null = null;
    const end = (probe: HostKeyProbe) => {
      client.removeAllListeners();
      // A late failure of a connection that nobody waits for any more.
      client.on('error', () => undefined);
      client.destroy();
      resolve(probe);
    };
    const verdict = (reason: string): HostKeyProbe => {
      if (shown === null) return { kind: 'unreachable', reason };
      return pinned.includes(shown) ? { kind: 'pinned' } : { kind: 'other', shown };
    };
    client.on('error', (error) => end(verdict(error.message)));
    client.on('close', () => end(verdict('the connection was closed')));
    client.connect({
      host: target.host,
      port: target.port,
      username: 'root',
      readyTimeout: timeoutMs,
      algorithms: { kex: [...KEY_EXCHANGE], serverHostKey: [...new Set(types)] as ssh2.ServerHostKeyAlgorithm[] },
      hostVerifier: (key: Buffer) => {
        shown = key.toString('base64');
        return pinned.includes(shown);
      },
      authHandler: () => {
        end(verdict('no login was tried'));
        return false;
      },
    });
  });
}
