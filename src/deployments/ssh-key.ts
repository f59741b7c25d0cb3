import ssh2 from 'ssh2';

export interface SshKeyPair {
  /** OpenSSH private key, without a passphrase. */
  privateKey: string;
  /** One line: `ssh-ed25519 AAAA… comment`. */
  publicKey: string;
}

/** A client key of a deployment's own, so that one deployment's nodes know nothing of another's. */
export function generateSshKey(comment: string): SshKeyPair {
  const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
  return { privateKey: pair.private, publicKey: pair.public };
}
