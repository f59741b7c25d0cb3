import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LxdServer } from './lxd-server.js';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');
const LXD = { project: 'muster', pool: 'muster' };
/** Made by bin/kubernetes-binaries, bin/coredns-binary and bin/flannel-binary; the last two may be missing. */
const BINARIES = process.env.MUSTER_TEST_KUBERNETES ?? '';
export const COREDNS = process.env.MUSTER_TEST_COREDNS ?? '';
export const FLANNEL = process.env.MUSTER_TEST_FLANNEL ?? '';
const VERSION = '1.20.2';
const DNS_VERSION = '1.9.4';
const FLANNEL_VERSION = '0.28.10';

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** What is said of a bundle here: the version there is, images without a registry, patience for two cores. */
function overlay(imagesSum: string): string {
  const slow = { 'node-grace-seconds': 120, 'leader-lease-seconds': 60, 'leader-renew-seconds': 40 };
  const applications = {
    containerd: {
      options: {
        'sandbox-image': 'muster.test/pause:1',
        images: 'https://images.muster.test/images.tar',
        'images-sha256': imagesSum,
      },
    },
    etcd: { options: { 'unsafe-no-fsync': true, 'heartbeat-interval': 500, 'election-timeout': 5000 } },
    'kubernetes-control-plane': {
      options: {
        version: VERSION,
        'verify-image': 'muster.test/busybox:1',
        'verify-seconds': 400,
        'leader-retry-seconds': 5,
        'node-lease-seconds': 120,
        ...slow,
      },
    },
    'kubernetes-worker': { options: { version: VERSION, 'node-lease-seconds': 120 } },
    coredns: COREDNS === '' ? null : { options: { version: DNS_VERSION } },
  };
  return JSON.stringify({ applications });
}

/** What dl.k8s.io and others have, in a folder: the server is told to take it from there. */
function mirror(dir: string): string {
  const put = (path: string, from: string) => {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    cpSync(from, join(dir, path));
  };
  const server = 'kubernetes-server-linux-amd64.tar.gz';
  for (const name of [server, `${server}.sha256`]) put(`k8s/v${VERSION}/${name}`, join(BINARIES, name));
  put('images/images.tar', join(BINARIES, 'images.tar'));
  const dns = `coredns_${DNS_VERSION}_linux_amd64.tgz`;
  for (const name of COREDNS === '' ? [] : [dns, `${dns}.sha256`])
    put(`github/coredns/coredns/releases/download/v${DNS_VERSION}/${name}`, join(COREDNS, name));
  if (FLANNEL !== '') {
    const at = `v${FLANNEL_VERSION}`;
    const archive = `flannel-${at}-linux-amd64.tar.gz`;
    put(`github/flannel-io/flannel/releases/download/${at}/${archive}`, join(FLANNEL, archive));
    put(`github-api/repos/flannel-io/flannel/releases/tags/${at}`, join(FLANNEL, 'release.json'));
  }
  return [
    `https://dl.k8s.io/=${join(dir, 'k8s')}`,
    `https://images.muster.test/=${join(dir, 'images')}`,
    `https://github.com/=${join(dir, 'github')}`,
    `https://api.github.com/=${join(dir, 'github-api')}`,
  ].join(' ');
}

/** A bridge and its network that no other test on this computer has just now. */
function freeNetwork(): { bridge: string; address: string } {
  const free = Array.from({ length: 10 }, (_, number) => number).find(
    (number) => !existsSync(`/sys/class/net/mkube${number}`),
  );
  if (free === undefined) throw new Error('mkube0 to mkube9 are all there: ended tests left them');
  return { bridge: `mkube${free}`, address: `10.179.${40 + free}.1/24` };
}

/** A muster, an LXD and the programs of Kubernetes of a test's own; `muster` is the real command line. */
export class KubernetesRig {
  private readonly stages: string[] = [];

  private constructor(
    private readonly lxd: LxdServer,
    readonly dir: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly bridge: string,
  ) {}

  static async start(): Promise<KubernetesRig> {
    const lxd = LxdServer.start();
    // Postgres and the server, which are other users, must reach it.
    const dir = mkdtempSync('/var/tmp/mkube-');
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, 'data'));
    const sum = readFileSync(join(BINARIES, 'images.tar.sha256'), 'utf8').slice(0, 64);
    writeFileSync(join(dir, 'overlay.yaml'), overlay(sum));
    const network = freeNetwork();
    const environment = {
      ...process.env,
      HOME: dir,
      MUSTER_DATA_DIR: join(dir, 'data'),
      MUSTER_API_PORT: String(await freePort()),
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_IMAGES_CACHE_DIR: '/var/cache/muster-test/images',
      MUSTER_LOCALHOST_SOCKET: lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: network.bridge,
      MUSTER_LOCALHOST_ADDRESS: network.address,
      MUSTER_ARTIFACT_MIRRORS: mirror(join(dir, 'mirror')),
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
    };
    const archive = join(BINARIES, 'kubernetes-server-linux-amd64.tar.gz');
    await run('tar', ['-xzf', archive, '-C', dir, '--strip-components=3', 'kubernetes/server/bin/kubectl']);
    return new KubernetesRig(lxd, dir, environment, network.bridge);
  }

  async stop(): Promise<void> {
    console.log(this.stages.join('\n'));
    await this.muster('serve', '--stop').catch(() => '');
    await this.lxd.stop({ ...LXD, bridge: this.bridge });
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Notes how long it takes. */
  async timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const began = Date.now();
    const result = await work();
    this.stages.push(`${stage}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
    return result;
  }

  /** What it said, also where it fails. */
  async muster(...argv: string[]): Promise<string> {
    const options = { env: this.environment, maxBuffer: 1 << 26 };
    const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...argv], options);
    return stdout + stderr;
  }

  /** For what is to fail; what it said. */
  async fails(...argv: string[]): Promise<string> {
    const failure: unknown = await this.muster(...argv).then(
      () => null,
      (error: unknown) => error,
    );
    if (failure instanceof Error && 'stderr' in failure) return String(failure.stderr);
    throw new Error(`muster ${argv.join(' ')} did not fail`, { cause: failure });
  }

  /** `muster up` on this computer, with what is said of a bundle here and in `extra` (an overlay). */
  up(bundle: string, extra: object = {}): Promise<string> {
    const overlays = ['overlay.yaml', 'extra.yaml'].flatMap((name) => ['--overlay', join(this.dir, name)]);
    writeFileSync(join(this.dir, 'extra.yaml'), JSON.stringify(extra));
    return this.timed(`${bundle}: up`, () =>
      this.muster('up', bundle, '--on', 'localhost', '--base', 'debian@12', ...overlays, '--yes'),
    );
  }

  /** A stock kubectl, with the kubeconfig that muster gave of a deployment. */
  async kubectl(deployment: string, ...argv: string[]): Promise<string> {
    const file = join(this.dir, `${deployment}.conf`);
    return (await run(join(this.dir, 'kubectl'), ['--kubeconfig', file, ...argv])).stdout;
  }

  /** Saves the kubeconfig for `kubectl`, and gives its path. */
  async saveKubeconfig(deployment: string): Promise<string> {
    const file = join(this.dir, `${deployment}.conf`);
    rmSync(file, { force: true });
    await this.muster('outputs', deployment, 'kubeconfig', '--save', file);
    return file;
  }

  containers(): string[] {
    return this.lxd
      .lxc('list', '--project', LXD.project, '-c', 'n', '-f', 'csv')
      .trim()
      .split('\n')
      .filter(Boolean)
      .sort();
  }

  /** As where a machine loses its power, and has it back. */
  reboot(container: string): void {
    this.lxd.lxc('restart', '--force', container, '--project', LXD.project);
  }

  /** A container is gone, as where a machine burns. */
  destroy(container: string): void {
    this.lxd.lxc('delete', '--force', container, '--project', LXD.project);
  }
}
