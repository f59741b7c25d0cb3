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

/** Options of ssh(1) that take a value. */
const WITH_VALUE = /^-[46AaCfGgKkMNnqsTtVvXxYy]*[BbcDEeFIiJLlmOoPpQRSWw]$/;

/** Arguments after the host as ssh(1) itself reads them: options with their values, then what is to run there. */
export function splitSshArguments(given: readonly string[]): { options: string[]; command: string[] } {
  let next = 0;
  while (given[next]?.startsWith('-') === true && given[next] !== '-') {
    if (given[next] === '--') return { options: given.slice(0, next), command: given.slice(next + 1) };
    next += WITH_VALUE.test(given[next] ?? '') ? 2 : 1;
  }
  return { options: given.slice(0, next), command: given.slice(next) };
}
