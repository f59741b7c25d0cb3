import { createHash } from 'node:crypto';
import { Readable, type Duplex } from 'node:stream';
import { NodeSSH } from 'node-ssh';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { messageOf, MusterError } from '../../error.js';
import { HostKeyMismatchError, RemoteRefusedError, RemoteUnreachableError } from './errors.js';
import { algorithmsFor, fingerprintOf, hostKeyLine, parseHostKeys } from './host-keys.js';
import { quoteArgv } from './quote.js';
import type { Remote, RemoteExecOptions, RemoteResult, RemoteShell, RemoteTarget } from './remote.js';

const CONNECT_TIMEOUT_MS = 15_000;
const EXEC_TIMEOUT_MS = 60_000;
/** A link that says nothing to three of these is cut. */
const KEEPALIVE_MS = 5000;
const IDLE_CLOSE_MS = 30_000;
const OUTPUT_CAP_BYTES = 16 * 1024 * 1024;

/**
 * Group exchange with large primes can block Node's event loop for tens of seconds, so elliptic curves only
 * (RFC 8731, RFC 5656); authenticated ciphers first (RFC 5647).
 */
const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
} as const;

interface Link {
  ssh: NodeSSH;
  users: number;
  /** The OpenSSH line of the key that the host showed. */
  hostKey: string;
  /** Rejects when the connection is lost. */
  lost: Promise<never>;
  isLost: boolean;
  /** The connection that it goes through. */
  through: SshShell | null;
  idle: NodeJS.Timeout | null;
}

/** SSH, with pinned host keys. One connection a target is shared by all who ask for it, and closed when idle. */
export class SshRemote implements Remote {
  private readonly links = new Map<string, Promise<Link>>();

  constructor(private readonly options: { idleCloseMs?: number; connectTimeoutMs?: number } = {}) {}

  async connect(target: RemoteTarget, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<SshShell> {
    options.signal?.throwIfAborted();
    const key = keyOf(target);
    const link = await untilAborted(this.linkTo(key, target, options.timeoutMs), options.signal);
    if (link.idle !== null) clearTimeout(link.idle);
    link.idle = null;
    link.users += 1;
    return new SshShell(target, link, () => this.release(key, link));
  }

  /** Closes everything; for the end of a process. */
  async close(): Promise<void> {
    const links = await Promise.allSettled(this.links.values());
    this.links.clear();
    for (const link of links) if (link.status === 'fulfilled') drop(link.value);
  }

  private async linkTo(key: string, target: RemoteTarget, timeoutMs?: number): Promise<Link> {
    const known = this.links.get(key);
    if (known !== undefined) {
      const link = await known.catch(() => null);
      if (link !== null && !link.isLost) return link;
    }
    const present = this.links.get(key);
    if (present !== undefined && present !== known) return present;
    const fresh = this.open(target, timeoutMs ?? this.options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    this.links.set(key, fresh);
    const forget = () => {
      if (this.links.get(key) === fresh) this.links.delete(key);
    };
    fresh.then((link) => link.lost, forget).catch(forget);
    return fresh;
  }

  private async open(target: RemoteTarget, timeoutMs: number): Promise<Link> {
    if (target.via === undefined) return openLink(target, timeoutMs);
    const through = await this.connect(target.via, { timeoutMs });
    try {
      const link = await openLink(target, timeoutMs, await through.forward(target, timeoutMs));
      link.through = through;
      link.lost.catch(() => through.close());
      return link;
    } catch (error) {
      await through.close();
      throw error;
    }
  }

  private release(key: string, link: Link): void {
    link.users -= 1;
    if (link.users > 0 || link.isLost) return;
    link.idle = setTimeout(() => {
      this.links.delete(key);
      drop(link);
    }, this.options.idleCloseMs ?? IDLE_CLOSE_MS);
    link.idle.unref();
  }
}

function keyOf(target: RemoteTarget): string {
  const { host, port, user, hostKeys, privateKey, via } = target;
  return createHash('sha256')
    .update(JSON.stringify([host, port, user, hostKeys, privateKey, via === undefined ? null : keyOf(via)]))
    .digest('base64');
}

function drop(link: Link): void {
  if (link.idle !== null) clearTimeout(link.idle);
  link.isLost = true;
  link.ssh.dispose();
  void link.through?.close();
}

async function openLink(target: RemoteTarget, timeoutMs: number, sock?: Duplex): Promise<Link> {
  const pinned = parseHostKeys(target.hostKeys);
  if (pinned.length === 0) {
    throw new MusterError('invalid', `cannot connect to ${target.host}: no host key is pinned`, {
      hint: 'a host is never trusted on first use: give its public host key',
    });
  }
  const ssh = new NodeSSH();
  let shown: string | null = null;
  let taken = '';
  try {
    await ssh.connect({
      host: target.host,
      port: target.port,
      ...(sock === undefined ? {} : { sock }),
      username: target.user,
      privateKey: target.privateKey,
      readyTimeout: timeoutMs,
      keepaliveInterval: KEEPALIVE_MS,
      keepaliveCountMax: 3,
      algorithms: {
        kex: [...ALGORITHMS.kex],
        cipher: [...ALGORITHMS.cipher],
        hmac: [...ALGORITHMS.hmac],
        serverHostKey: algorithmsFor(pinned) as ServerHostKeyAlgorithm[],
      },
      hostVerifier: (key: Buffer) => {
        const isPinned = pinned.some((one) => one.blob.equals(key));
        if (isPinned) taken = hostKeyLine(key);
        else shown = fingerprintOf(key);
        return isPinned;
      },
    });
  } catch (error) {
    ssh.dispose();
    throw connectError(target, error, shown);
  }
  return linkOf(ssh, target, taken);
}

function linkOf(ssh: NodeSSH, target: RemoteTarget, hostKey: string): Link {
  const { connection } = ssh;
  if (connection === null) throw new RemoteUnreachableError(target, 'the connection closed at once');
  // Every command in flight listens for the connection's end.
  connection.setMaxListeners(0);
  const lost = new Promise<never>(() => undefined);
  const link: Link = { ssh, hostKey, users: 0, lost, isLost: false, through: null, idle: null };
  link.lost = new Promise<never>((_, reject) => {
    const lose = (reason: string) => {
      link.isLost = true;
      reject(new RemoteUnreachableError(target, reason));
    };
    connection.on('error', (error) => lose(error.message));
    connection.on('close', () => lose('the connection was closed'));
    connection.on('end', () => lose('the connection was ended'));
  });
  link.lost.catch(() => undefined);
  return link;
}

function connectError(target: RemoteTarget, error: unknown, shown: string | null): MusterError {
  if (shown !== null) return new HostKeyMismatchError(target, shown);
  const level = error instanceof Error && 'level' in error ? error.level : null;
  if (level === 'client-authentication') return new RemoteRefusedError(target, error);
  // The host has no key of a pinned type: it is not the host that was pinned.
  if (/no matching host key format/i.test(messageOf(error))) {
    return new HostKeyMismatchError(target, 'of another type');
  }
  return new RemoteUnreachableError(target, messageOf(error), error);
}

class SshShell implements RemoteShell {
  private isOpen = true;

  get hostKey(): string {
    return this.link.hostKey;
  }

  constructor(
    private readonly target: RemoteTarget,
    private readonly link: Link,
    private readonly release: () => void,
  ) {}

  async exec(argv: readonly string[], options: RemoteExecOptions = {}): Promise<RemoteResult> {
    options.signal?.throwIfAborted();
    let close: () => void = () => undefined;
    let bytes = 0;
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_CAP_BYTES) close();
    };
    const stdin = streamOf(options.stdin);
    let broken: unknown = null;
    stdin.on('error', (error) => {
      broken = error;
      close();
    });
    const running = this.link.ssh
      .execCommand(quoteArgv(argv), {
        noTrim: true,
        stdin,
        onChannel: (channel) => (close = () => channel.close()),
        onStdout: count,
        onStderr: count,
      })
      .catch((error: unknown) => {
        throw new RemoteUnreachableError(this.target, messageOf(error), error);
      });
    running.catch(() => undefined);
    const timeoutMs = options.timeoutMs ?? EXEC_TIMEOUT_MS;
    const result = await this.bounded(running, timeoutMs, options.signal, () => close()).finally(() => stdin.destroy());
    if (broken !== null) throw broken as Error;
    if (bytes > OUTPUT_CAP_BYTES) {
      throw new MusterError(
        'invalid',
        `cannot take the output of ${argv[0] ?? ''}: more than ${OUTPUT_CAP_BYTES} bytes`,
      );
    }
    if (result.code === null && result.signal === null) {
      throw new RemoteUnreachableError(this.target, 'the connection was lost in the middle of a command');
    }
    return { code: result.code, stdout: result.stdout, stderr: result.stderr };
  }

  /** A stream to another host, opened from this one. */
  forward({ host, port }: { host: string; port: number }, timeoutMs: number): Promise<Duplex> {
    const opening = new Promise<Duplex>((resolve, reject) => {
      const { connection } = this.link.ssh;
      if (connection === null) throw new RemoteUnreachableError(this.target, 'the connection is closed');
      connection.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error === undefined) resolve(channel);
        else reject(new RemoteUnreachableError({ host, port }, `through ${this.target.host}: ${error.message}`, error));
      });
    });
    return this.bounded(opening, timeoutMs, undefined, () => undefined);
  }

  async putFile(path: string, content: Buffer | string, mode: number): Promise<void> {
    const script =
      'set -e; umask 077; new="$1.new.$$"; trap \'rm -f "$new"\' EXIT; cat >"$new"; chmod "$2" "$new"; mv -f "$new" "$1"';
    const argv = ['sh', '-c', script, 'sh', path, (mode & 0o7777).toString(8)];
    const result = await this.exec(argv, { stdin: content });
    if (result.code === 0) return;
    throw new MusterError('internal', `cannot write ${path} at ${this.target.host}: ${result.stderr.trim()}`);
  }

  close(): Promise<void> {
    if (this.isOpen) this.release();
    this.isOpen = false;
    return Promise.resolve();
  }

  private async bounded<Result>(
    running: Promise<Result>,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    stop: () => void,
  ): Promise<Result> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new RemoteUnreachableError(this.target, `no end of the command within ${timeoutMs} ms`)),
        timeoutMs,
      );
    });
    try {
      return await untilAborted(Promise.race([running, this.link.lost, late]), signal);
    } catch (error) {
      stop();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function streamOf(stdin: RemoteExecOptions['stdin']): Readable {
  if (stdin instanceof Readable) return stdin;
  return Readable.from(stdin === undefined ? [] : [stdin]);
}

async function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return work;
  const ended = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    ended.abort();
    work.catch(() => undefined);
  }
}
