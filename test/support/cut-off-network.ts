import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

/** /sys shows the network of who mounted it, and LXD looks there for bridges; the cgroups below it are brought along. */
const SETUP = `
kept=$(mktemp -d)
mount --rbind /sys/fs/cgroup "$kept"
mount -t sysfs sysfs /sys
mount --move "$kept" /sys/fs/cgroup
rmdir "$kept"
ip link set lo up
echo ready
exec sleep infinity`;

/** A network that has loopback, and what is made in it: nothing leads outside. It is gone with its last process. */
export class CutOffNetwork {
  private constructor(private readonly holder: ChildProcess) {}

  static async start(): Promise<CutOffNetwork> {
    const argv = ['--net', '--mount', '--propagation', 'private', 'sh', '-ec', SETUP];
    const holder = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(holder, 'exit').then(() => Promise.reject(new Error('cannot make a network: root is needed')));
    await Promise.race([once(holder.stdout, 'data'), ended]);
    ended.catch(() => undefined);
    return new CutOffNetwork(holder);
  }

  /** The words before a command that run it here. */
  get enter(): readonly string[] {
    return ['nsenter', '-t', String(this.holder.pid), '-m', '-n', '--wd=/'];
  }

  /** What a command here says. Throws, with that, where it fails. */
  async run(...argv: string[]): Promise<string> {
    const [program = '', ...args] = [...this.enter, ...argv];
    return (await promisify(execFile)(program, args, { timeout: 30_000 })).stdout;
  }

  stop(): void {
    this.holder.kill('SIGKILL');
  }
}
