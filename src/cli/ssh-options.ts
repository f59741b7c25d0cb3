/** What every SSH to a node says: the user's own configuration and agent play no part, and no host key but the pinned one. */
export const SSH_OPTIONS = {
  IdentitiesOnly: 'yes',
  IdentityAgent: 'none',
  GlobalKnownHostsFile: '/dev/null',
  StrictHostKeyChecking: 'yes',
  // Old group exchange is refused on our side as well.
  KexAlgorithms: 'curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256',
};

/** For a remote shell, or one here, so that what was one argument stays one. */
export function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
