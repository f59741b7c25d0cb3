import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { RemoteTarget } from '../../src/platform/remote/index.js';

const run = promisify(execFile);
const CACHE = process.env.MUSTER_CACHE_DIR ?? join(homedir(), '.cache/muster');
const IMAGE = join(CACHE, 'test-node-debian12');
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'openssh-server', 'sudo', 'kmod', 'procps'],
  ...['iproute2', 'iputils-ping', 'netbase', 'ifupdown', 'isc-dhcp-client', 'ca-certificates', 'python3-minimal'],
];

/** A Debian 12 system in a container, with systemd and an SSH server. */
export interface LxdNode {
  name: string;
  address: string;
  target: RemoteTarget;
}

/** A private LXD on a bridge of its own, whose containers are nodes. Needs root and the packages of the test list. */
export class LxdNodes {
  readonly nodes: LxdNode[] = [];

  private constructor(
    private readonly folder: string,
    private readonly bridge: string,
    private readonly daemon: ChildProcess,
  ) {}

  /** `network` are the first three numbers of the bridge's /24. */
  static async start(bridge: string, network: string): Promise<LxdNodes> {
    await ensureImage();
    await raiseLimit('/proc/sys/fs/inotify/max_user_instances', 1024);
    const folder = await mkdtemp(join(tmpdir(), 'muster-lxd-'));
    const environment = { ...process.env, LXD_DIR: folder };
    const daemon = spawn('lxd', ['--group', 'root', '--logfile', join(folder, 'lxd.log')], {
      env: environment,
      stdio: 'ignore',
      detached: true,
    });
    const lxd = new LxdNodes(folder, bridge, daemon);
    await run('lxd', ['waitready', '--timeout=120'], { env: environment });
    await lxd.lxc('storage', 'create', 'default', 'dir');
    await lxd.lxc('network', 'create', bridge, `ipv4.address=${network}.1/24`, 'ipv4.nat=true', 'ipv6.address=none');
    await lxd.lxc('profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default');
    await lxd.lxc('profile', 'device', 'add', 'default', 'eth0', 'nic', 'name=eth0', `network=${bridge}`);
    await lxd.lxc('image', 'import', `${IMAGE}.metadata.tar.gz`, `${IMAGE}.squashfs`, '--alias', 'node');
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', lxd.keyPath]);
    return lxd;
  }

  private get keyPath(): string {
    return join(this.folder, 'muster-test-key');
  }

  /** Output of the client. */
  async lxc(...args: string[]): Promise<string> {
    const env = { ...process.env, LXD_DIR: this.folder };
    const running = run('lxc', args, { env, timeout: 300_000, maxBuffer: 1 << 24 });
    // `launch` reads more settings from what is no terminal, to its end.
    running.child.stdin?.end();
    return (await running).stdout;
  }

  /** Output of a shell command in a container. */
  exec(name: string, command: string): Promise<string> {
    return this.lxc('exec', name, '--', 'sh', '-c', command);
  }

  async launch(name: string): Promise<LxdNode> {
    await this.lxc('launch', 'node', name, '-c', 'security.nesting=true');
    const key = readFileSync(`${this.keyPath}.pub`, 'utf8').trim();
    const prepare = `mkdir -p -m 700 /root/.ssh; echo '${key}' >/root/.ssh/authorized_keys; ssh-keygen -A; systemctl restart ssh`;
    await this.eventually(`${name} takes an SSH key`, () => this.exec(name, prepare));
    const address = await this.eventually(`${name} has an address`, async () => {
      const [found] =
        /\d+\.\d+\.\d+\.\d+/.exec(await this.lxc('list', `^${name}$`, '--format', 'csv', '-c', '4')) ?? [];
      if (found === undefined) throw new Error('none yet');
      return found;
    });
    const hostKeys = [await this.exec(name, 'cat /etc/ssh/ssh_host_ed25519_key.pub')];
    const privateKey = readFileSync(this.keyPath, 'utf8');
    const node = { name, address, target: { host: address, port: 22, user: 'root', hostKeys, privateKey } };
    this.nodes.push(node);
    return node;
  }

  private async eventually<Result>(what: string, look: () => Promise<Result>): Promise<Result> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await look();
      } catch (error) {
        if (tries >= 120) throw new Error(`not within two minutes: ${what}`, { cause: error });
        await sleep(1000);
      }
    }
  }

  async stop(): Promise<void> {
    for (const { name } of this.nodes) await this.lxc('delete', '--force', name);
    await this.lxc('profile', 'device', 'remove', 'default', 'eth0');
    await this.lxc('network', 'delete', this.bridge);
    const ended = new Promise((resolve) => this.daemon.once('exit', resolve));
    await run('lxd', ['shutdown', '--timeout=60'], { env: { ...process.env, LXD_DIR: this.folder } });
    await ended;
    await run('sh', ['-c', 'for m in devlxd shmounts; do umount -l "$0/$m" 2>/dev/null; done; true', this.folder]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function raiseLimit(path: string, least: number): Promise<void> {
  if (Number(readFileSync(path, 'utf8')) < least) writeFileSync(path, String(least));
  return Promise.resolve();
}

const METADATA = `architecture: x86_64
creation_date: 1700000000
properties: {os: debian, release: bookworm, description: a node for tests}
templates:
  /etc/hostname: {when: [create, copy], template: hostname.tpl}
`;

/** Builds the nodes' image once for a computer, from the mirror that its own apt uses. */
export async function ensureImage(): Promise<void> {
  if (existsSync(`${IMAGE}.squashfs`)) return;
  mkdirSync(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'test-node-'));
  const root = join(work, 'rootfs');
  try {
    await run('mmdebstrap', mmdebstrapArguments(root), { maxBuffer: 1 << 26 });
    await run('mksquashfs', [root, join(work, 'squashfs'), '-quiet', '-comp', 'zstd', '-Xcompression-level', '3']);
    mkdirSync(join(work, 'templates'));
    writeFileSync(join(work, 'metadata.yaml'), METADATA);
    writeFileSync(join(work, 'templates/hostname.tpl'), '{{ container.name }}\n');
    await run('tar', ['-C', work, '-czf', join(work, 'metadata.tar.gz'), 'metadata.yaml', 'templates']);
    renameSync(join(work, 'metadata.tar.gz'), `${IMAGE}.metadata.tar.gz`);
    renameSync(join(work, 'squashfs'), `${IMAGE}.squashfs`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function mmdebstrapArguments(root: string): string[] {
  const sources = '/etc/apt/sources.list.d/debian.sources';
  const [archive = 'http://deb.debian.org/debian', security = 'http://deb.debian.org/debian-security'] = existsSync(
    sources,
  )
    ? Array.from(readFileSync(sources, 'utf8').matchAll(/^URIs:\s*(\S+)/gm), (match) => match[1] ?? '')
    : [];
  const interfaces = 'auto lo\\niface lo inet loopback\\nauto eth0\\niface eth0 inet dhcp\\n';
  const finish = [
    `printf '${interfaces}' >"$1/etc/network/interfaces"`,
    ': >"$1/etc/machine-id"; rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf"',
    `printf '127.0.0.1 localhost\\n' >"$1/etc/hosts"`,
  ];
  return [
    ...['--mode=root', '--variant=minbase', `--include=${PACKAGES.join(',')}`],
    ...['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"'],
    ...['man', 'doc', 'locale'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    `--customize-hook=${finish.join('; ')}`,
    ...['bookworm', root],
    ...[`deb ${archive} bookworm main`, `deb ${archive} bookworm-updates main`],
    `deb ${security} bookworm-security main`,
  ];
}
