import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RemoteTarget } from '../../src/platform/remote/index.js';

/** A real OpenSSH server on loopback, with keys of its own, and a home for the steps' journals. */
export class Sshd {
  private server: ChildProcess | null = null;

  private constructor(
    readonly dir: string,
    readonly port: number,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** `environment`: of every command, beside the usual. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Sshd> {
    const dir = mkdtempSync(join(tmpdir(), 'muster-sshd-'));
    chmodSync(dir, 0o755);
    mkdirSync('/run/sshd', { recursive: true });
    const sshd = new Sshd(dir, await freePort(), environment);
    sshd.makeKey('host');
    sshd.makeKey('client');
    writeFileSync(join(dir, 'authorized_keys'), readFileSync(join(dir, 'client.pub')));
    sshd.setBootId('boot-1');
    await sshd.up();
    return sshd;
  }

  get target(): RemoteTarget {
    return {
      host: '127.0.0.1',
      port: this.port,
      user: 'root',
      hostKeys: [readFileSync(join(this.dir, 'host.pub'), 'utf8')],
      privateKey: readFileSync(join(this.dir, 'client'), 'utf8'),
    };
  }

  /** For the step runner: journals in this server's folder, a boot identity and a reboot that tests control. */
  get runnerEnvironment() {
    return {
      MUSTER_ROOT: join(this.dir, 'muster'),
      MUSTER_BOOT_ID_FILE: join(this.dir, 'boot_id'),
      MUSTER_REBOOT_COMMAND: `echo rebooted >>${join(this.dir, 'reboots')}; echo boot-$$ >${join(this.dir, 'boot_id')}`,
    };
  }

  setBootId(id: string): void {
    writeFileSync(join(this.dir, 'boot_id'), `${id}\n`);
  }

  makeKey(name: string): void {
    for (const file of [name, `${name}.pub`]) rmSync(join(this.dir, file), { force: true });
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', join(this.dir, name)]);
  }

  async up(): Promise<void> {
    // Bash reads the .bashrc of whoever runs the tests unless it takes itself for an inner shell.
    const variables = Object.entries({ SHLVL: '2', ...this.environment }).map(([name, value]) => `${name}=${value}`);
    const options = [
      `HostKey=${join(this.dir, 'host')}`,
      `AuthorizedKeysFile=${join(this.dir, 'authorized_keys')}`,
      'ListenAddress=127.0.0.1',
      'PidFile=none',
      'UsePAM=no',
      'StrictModes=no',
      'PermitRootLogin=yes',
      'PasswordAuthentication=no',
      'MaxSessions=100',
      'MaxStartups=100',
      `SetEnv=${variables.join(' ')}`,
    ];
    const args = options.flatMap((option) => ['-o', option]);
    const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null', '-p', String(this.port), ...args];
    // It ends with who started it, whatever a test forgets.
    this.server = spawn('/usr/bin/setpriv', ['--pdeathsig', 'KILL', ...sshd], { stdio: 'ignore' });
    for (let tries = 0; tries < 200 && !(await accepts(this.port)); tries += 1) await sleep(25);
  }

  /** Kills the server and every session of it, as a cut does: nobody says goodbye. */
  async cut(): Promise<void> {
    const { server } = this;
    if (server?.pid === undefined) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    for (const pid of sessionsOf(server.pid)) endSession(pid);
    server.kill('SIGKILL');
    await ended;
    this.server = null;
  }

  async stop(): Promise<void> {
    await this.cut();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Children of the listening sshd are its sessions; what they started in sessions of its own lives on. */
function sessionsOf(parent: number): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

function endSession(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown; // it ended by itself meanwhile
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
