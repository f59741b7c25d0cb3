import ssh2 from 'ssh2';

export interface SshKeyPair {
  /** OpenSSH private key, without a passphrase. */
  privateKey: string;
  /** One line: `ssh-ed25519 AAAA… comment`. */
  publicKey: string;
}

/**
 * A new Ed25519 key. The library drops a leading zero byte of the public half (ssh2 1.17), so that one key in 256 can be
 * read by nobody: such a one is made again.
 */
export function generateSshKey(comment: string): SshKeyPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) {
      return { privateKey: pair.private, publicKey: pair.public };
    }
  }
}
