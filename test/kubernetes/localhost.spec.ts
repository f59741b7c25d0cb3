import { execFile } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');
const LXD = { project: 'muster', bridge: 'mkube0', pool: 'muster' };
/** Made by bin/kubernetes-binaries and bin/coredns-binary; CoreDNS may be missing. */
const BINARIES = process.env.MUSTER_TEST_KUBERNETES ?? '';
const COREDNS = process.env.MUSTER_TEST_COREDNS ?? '';
const VERSION = '1.20.2';
const DNS_VERSION = '1.9.4';

const stages: string[] = [];

async function timed<T>(stage: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  const result = await work();
  stages.push(`${stage}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
  return result;
}

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
  return [
    `https://dl.k8s.io/=${join(dir, 'k8s')}`,
    `https://images.muster.test/=${join(dir, 'images')}`,
    `https://github.com/=${join(dir, 'github')}`,
  ].join(' ');
}

describe.skipIf(isLxdMissing)('Kubernetes on containers of this computer', { timeout: 40 * 60_000 }, () => {
  let lxd: LxdServer;
  let dir: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    lxd = LxdServer.start();
    // Postgres and the server, which are other users, must reach it.
    dir = mkdtempSync('/var/tmp/mkube-');
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, 'data'));
    const sum = readFileSync(join(BINARIES, 'images.tar.sha256'), 'utf8').slice(0, 64);
    writeFileSync(join(dir, 'overlay.yaml'), overlay(sum));
    environment = {
      ...process.env,
      HOME: dir,
      MUSTER_DATA_DIR: join(dir, 'data'),
      MUSTER_API_PORT: String(await freePort()),
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_IMAGES_CACHE_DIR: '/var/cache/muster-test/images',
      MUSTER_LOCALHOST_SOCKET: lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: LXD.bridge,
      MUSTER_LOCALHOST_ADDRESS: '10.179.40.1/24',
      MUSTER_ARTIFACT_MIRRORS: mirror(join(dir, 'mirror')),
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
    };
    await run('tar', [
      '-xzf',
      join(BINARIES, 'kubernetes-server-linux-amd64.tar.gz'),
      '-C',
      dir,
      '--strip-components=3',
      'kubernetes/server/bin/kubectl',
    ]);
  }, 120_000);
  afterAll(async () => {
    console.log(stages.join('\n'));
    await muster('serve', '--stop').catch(() => '');
    await lxd.stop(LXD);
    rmSync(dir, { recursive: true, force: true });
  }, 300_000);

  /** With its output, where it fails. */
  async function muster(...argv: string[]): Promise<string> {
    const options = { env: environment, maxBuffer: 1 << 26 };
    const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...argv], options);
    return stdout + stderr;
  }
  const containers = () =>
    lxd.lxc('list', '--project', LXD.project, '-c', 'n', '-f', 'csv').trim().split('\n').filter(Boolean);
  const log = (deployment: string, step: string) => muster('logs', deployment, '--step', step);

  describe.each([
    { bundle: 'kubernetes-core', machines: 2, nodes: 2, extra: '{"applications": {"easyrsa": {"to": ["0"]}}}' },
    { bundle: 'canonical-kubernetes', machines: 9, nodes: 5, extra: '{}' },
  ])('$bundle', ({ bundle, machines, nodes, extra }) => {
    let isUp = false;

    it(`is up on ${machines} containers after one command, verified`, async () => {
      writeFileSync(join(dir, 'extra.yaml'), extra);
      const overlays = ['--overlay', join(dir, 'overlay.yaml'), '--overlay', join(dir, 'extra.yaml')];
      const said = await timed(`${bundle}: up`, () =>
        muster('up', bundle, '--on', 'localhost', '--base', 'debian@12', ...overlays, '--yes'),
      );
      expect(said).toContain(`${bundle} is up`);
      expect(containers()).toHaveLength(machines);
      isUp = true;
    });

    it('gives a kubeconfig, which only its owner can read and a stock kubectl uses', async ({ skip }) => {
      if (!isUp) skip('it is not up');
      const file = join(dir, `${bundle}.conf`);
      await muster('outputs', bundle, 'kubeconfig', '--save', file);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const { stdout } = await run(join(dir, 'kubectl'), ['--kubeconfig', file, 'get', 'nodes', '--no-headers']);
      expect(stdout.trim().split('\n')).toHaveLength(nodes);
      expect(stdout.match(/ Ready /g)).toHaveLength(nodes);
      expect(await muster('outputs', bundle)).toMatch(/kubeconfig\s+\(secret\)/);
      expect(await muster('status', bundle)).not.toContain('client-key-data');
    });

    it('is verified again', async ({ skip }) => {
      if (!isUp) skip('it is not up');
      await timed(`${bundle}: verify`, () => muster('verify', bundle));
      const smoke = await log(bundle, 'kubernetes-control-plane/0:kubernetes-smoke');
      expect(smoke).toContain(`a Deployment of ${nodes + 1} pods is on all ${nodes} nodes`);
      expect(smoke).toMatch(/a rolling restart of all pods: \d+ requests, none failed/);
    });

    it('has names for services', async ({ skip }) => {
      if (!isUp || COREDNS === '') skip(isUp ? 'CoreDNS could not be built here' : 'it is not up');
      const smoke = await log(bundle, 'kubernetes-control-plane/0:kubernetes-smoke');
      expect(smoke).toContain('pods find the Service by its name');
    });

    it('leaves nothing', async () => {
      await timed(`${bundle}: down`, () => muster('down', bundle, '--yes'));
      expect(containers()).toEqual([]);
    });
  });

  it('has told no secret to a log', () => {
    const file = join(dir, 'data/serve.log');
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).not.toMatch(/PRIVATE KEY|client-key-data/);
  });
});
