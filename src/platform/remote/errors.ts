import { MusterError } from '../../error.js';

/** Nothing answers, or the connection was lost. Worth another try. */
export class RemoteUnreachableError extends MusterError {
  constructor(target: { host: string; port: number }, reason: string, cause?: unknown) {
    super('unavailable', `cannot reach ${target.host} port ${target.port}: ${reason}`, { cause });
  }
}

/** Another host answers than the one whose key is pinned; a person must look. */
export class HostKeyMismatchError extends MusterError {
  constructor(
    target: { host: string; port: number },
    readonly shown: string,
    hint = 'somebody is in between, or the host was installed anew: compare its key on its own console',
  ) {
    super(
      'forbidden',
      `cannot trust ${target.host} port ${target.port}: it shows the host key ${shown}, which is not pinned`,
      { hint },
    );
  }
}

/** The node refuses our key or user. */
export class RemoteRefusedError extends MusterError {
  constructor(target: { host: string; port: number; user: string }, cause?: unknown) {
    super('forbidden', `cannot log in as ${target.user} at ${target.host} port ${target.port}: the key is refused`, {
      hint: "put the public key into the user's authorized_keys",
      cause,
    });
  }
}
