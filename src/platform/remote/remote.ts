import type { Readable } from 'node:stream';

/** How to reach a node: everything is known beforehand, nothing is accepted on first use. */
export interface RemoteTarget {
  host: string;
  port: number;
  user: string;
  /** OpenSSH public key lines (`ssh-ed25519 AAAA…`); a host that shows none of them is refused. */
  hostKeys: string[];
  /** OpenSSH or PEM private key. */
  privateKey: string;
  /** Reached through this one, as by ssh's ProxyJump. */
  via?: RemoteTarget & { name: string };
}

export interface RemoteResult {
  /** Exit code; null where a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RemoteExecOptions {
  /** A stream is read as fast as the other side takes it; where it breaks, so does the command. */
  stdin?: string | Buffer | Readable;
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Does not change the node: a dry run still runs it. */
  readOnly?: boolean;
}

/** An open connection to one node. */
export interface RemoteShell {
  /** The OpenSSH line of the key that the host showed; absent: there is no real host. */
  readonly hostKey?: string;
  /** Runs an argument vector; every argument is quoted, none is read by a shell as code. */
  exec(argv: readonly string[], options?: RemoteExecOptions): Promise<RemoteResult>;
  /** Writes a file whole (to a temporary name, then renamed), with this mode. */
  putFile(path: string, content: Buffer | string, mode: number): Promise<void>;
  close(): Promise<void>;
}

/** The seam to nodes: real (SSH), dry run, fake. */
export interface Remote {
  /** Throws RemoteUnreachableError (transient) or HostKeyMismatchError (permanent, needs an operator). */
  connect(target: RemoteTarget, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<RemoteShell>;
}

export const REMOTE = Symbol('Remote');
