import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ubuntu has LXD as a snap alone; without one these tests are counted as skipped there, and there only. */
export const isLxdMissing =
  /^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8')) && !['/usr/sbin/lxd', '/usr/bin/lxd'].some(existsSync);

/** A real LXD of this test's own: its folder, its bridge, nothing of the computer's. */
export class LxdServer {
  private daemon: ChildProcess | null = null;

  private constructor(readonly dir: string) {}

  /** `inside`: the words before a command that bring it into another network. */
  static start(inside: readonly string[] = []): LxdServer {
    // Not in /tmp: its socket's path has to be short, and a container's root is no file to lose in a tmpfs.
    const server = new LxdServer(mkdtempSync('/var/tmp/mlxd-'));
    const [program, ...args] = [...inside, 'lxd', '--group', 'root', '--logfile', join(server.dir, 'lxd.log')];
    server.daemon = spawn(program, args, {
      env: { ...process.env, LXD_DIR: server.dir },
      stdio: 'ignore',
    });
    execFileSync('lxd', ['waitready', '--timeout=60'], { env: { ...process.env, LXD_DIR: server.dir } });
    return server;
  }

  get socket(): string {
    return join(this.dir, 'unix.socket');
  }

  /** The `lxc` of this server. */
  lxc(...argv: string[]): string {
    const env = { ...process.env, LXD_DIR: this.dir, LXD_CONF: join(this.dir, 'client') };
    return execFileSync('lxc', argv, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Ends it with all that it holds, whatever a test left. */
  async stop(...parts: { project: string; bridge: string; pool: string }[]): Promise<void> {
    const tryTo = (...argv: string[]) => {
      try {
        return this.lxc(...argv);
      } catch {
        return '';
      }
    };
    for (const { project, bridge, pool } of parts) {
      for (const name of tryTo('list', '--project', project, '-c', 'n', '-f', 'csv').split('\n').filter(Boolean))
        tryTo('delete', '-f', name, '--project', project);
      for (const id of tryTo('image', 'list', '--project', project, '-c', 'f', '-f', 'csv').split('\n').filter(Boolean))
        tryTo('image', 'delete', id, '--project', project);
      tryTo('profile', 'device', 'remove', 'default', 'root', 'eth0', '--project', project);
      tryTo('project', 'delete', project);
      tryTo('network', 'delete', bridge);
      tryTo('storage', 'delete', pool);
    }
    const daemon = this.daemon;
    const ended = new Promise((resolve) => daemon?.once('exit', resolve));
    tryTo('query', '/1.0');
    try {
      execFileSync('lxd', ['shutdown', '--timeout=20'], { env: { ...process.env, LXD_DIR: this.dir } });
    } catch {
      daemon?.kill('SIGKILL');
    }
    await Promise.race([ended, sleep(20_000)]);
    for (const name of ['devlxd', 'shmounts']) {
      try {
        execFileSync('umount', ['-l', join(this.dir, name)], { stdio: 'ignore' });
      } catch {
        // It was not mounted.
      }
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
