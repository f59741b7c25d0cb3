import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { kubernetesMirror, kubernetesOverlay, unpackKubectl } from './kubernetes-artifacts.js';
import { LxdServer } from './lxd-server.js';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');
const LXD = { project: 'muster', pool: 'muster' };

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
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
    writeFileSync(join(dir, 'overlay.yaml'), kubernetesOverlay());
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
      MUSTER_ARTIFACT_MIRRORS: kubernetesMirror(join(dir, 'mirror')),
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
    };
    await unpackKubectl(dir);
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
