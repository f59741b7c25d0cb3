import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A real OpenSSH server in a mount namespace where root's home and the step runner's folder are others: what is changed
 * there is not this computer's. Nor is what the action `changes` looks at: `$MUSTER_LOOK_ROOT`, empty at first.
 * `key` may log in as root.
 */
export class PrivateSshd {
  private constructor(
    private readonly dir: string,
    private server: ChildProcess,
    readonly port: number,
    readonly hostKey: string,
  ) {}

  static async start(key: string): Promise<PrivateSshd> {
    const dir = mkdtempSync('/var/tmp/msshd-');
    mkdirSync('/run/sshd', { recursive: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host')]);
    mkdirSync('/var/lib/muster', { recursive: true });
    mkdirSync(join(dir, 'steps'), { mode: 0o700 });
    mkdirSync(join(dir, 'node/etc'), { recursive: true });
    mkdirSync(join(dir, 'home/.ssh'), { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'home/.ssh/authorized_keys'), `${key}\n`, { mode: 0o600 });
    const port = await freePort();
    const server = await serve(dir, port, join(dir, 'host'));
    return new PrivateSshd(dir, server, port, readFileSync(join(dir, 'host.pub'), 'utf8').trim());
  }

  /** After a cut: answers again, with the host key of another. */
  async serveWith(other: PrivateSshd): Promise<void> {
    this.server = await serve(this.dir, this.port, join(other.dir, 'host'));
  }

  /** `SHA256:…` */
  get fingerprint(): string {
    return execFileSync('ssh-keygen', ['-lf', join(this.dir, 'host.pub')], { encoding: 'utf8' }).split(' ')[1] ?? '';
  }

  /** Who may log in. */
  get authorizedKeys(): string {
    return readFileSync(join(this.dir, 'home/.ssh/authorized_keys'), 'utf8');
  }

  /** A file that goes with it; gives its path. */
  keep(name: string, content: string): string {
    writeFileSync(join(this.dir, name), content, { mode: 0o600 });
    return join(this.dir, name);
  }

  /** It answers no more, and what was open is closed. */
  async cut(): Promise<void> {
    if (this.server.exitCode !== null || this.server.signalCode !== null) return;
    const ended = new Promise((resolve) => this.server.once('exit', resolve));
    const { pid } = this.server;
    const sessions = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    // Sessions live on when the one who listens is gone.
    if (sessions !== '') spawnSync('kill', ['-KILL', ...sessions.split(' ')]); // some end by themselves meanwhile
    this.server.kill('SIGTERM');
    await ended;
  }

  async stop(): Promise<void> {
    await this.cut();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function serve(dir: string, port: number, hostKeyFile: string): Promise<ChildProcess> {
  const options = [
    'PermitRootLogin=prohibit-password',
    'PasswordAuthentication=no',
    'UsePAM=no',
    'PidFile=none',
    `SetEnv=MUSTER_LOOK_ROOT=${join(dir, 'node')}`,
    'Subsystem=sftp internal-sftp',
    'ListenAddress=127.0.0.1',
  ];
  const script =
    'mount --bind "$1/home" /root && mount --bind "$1/steps" /var/lib/muster && shift && exec /usr/sbin/sshd "$@"';
  const argv = ['-D', '-e', '-f', '/dev/null', '-h', hostKeyFile, '-p', `${port}`];
  const server = spawn(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', dir, ...argv, ...options.flatMap((each) => ['-o', each])],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  for (let tries = 0; tries < 100 && !(await listens(port)); tries++) await sleep(50);
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
