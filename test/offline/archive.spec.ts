import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CutOffNetwork } from '../support/cut-off-network.js';
import { hasKubernetes, kubernetesBundle, kubernetesMirror } from '../support/kubernetes-artifacts.js';
import { isLxdMissing } from '../support/lxd-server.js';
import { OwnComputer } from '../support/own-computer.js';

const BASE = 'debian@12';
/** Of the image, which root builds, and of packages, which the server fetches as another user. */
const CACHE = '/var/cache/muster-test/offline';

/** What is exported: a bundle's file, and where the server that has a network finds what is not in the distribution. */
interface Case {
  name: string;
  containers: number;
  unit: string;
  bundle: () => string;
  mirrors: (dir: string) => string;
  /** What is there when it is up. */
  check: (muster: OwnComputer['muster']) => Promise<void>;
}

/** Its packages: one that the image has already, and one that it has not. */
const GREETING = {
  name: 'greeting',
  applications: { hello: { role: 'hello', num_units: 2 }, ntp: { role: 'ntp', options: { serve: true } } },
  relations: [['ntp:juju-info', 'hello:juju-info']],
};

const ALL: Case[] = [
  {
    name: 'greeting',
    containers: 2,
    unit: 'hello/0',
    bundle: () => JSON.stringify(GREETING),
    mirrors: () => '',
    check: async (muster) => {
      const log = (step: string) => muster('logs', 'greeting', '--step', step);
      expect(await log('hello/0:install')).toContain('packages come from the archive greeting');
      expect(await log('ntp/1:install')).toMatch(/packages come from the archive greeting[^]*Setting up chrony/);
      expect(await log('ntp/1:sources')).toMatch(/follows \S+ at stratum 11/);
      expect(await log('hello/1:greet')).toContain('hello/0: Hello from hello/0');
    },
  },
  {
    name: 'kubernetes-core',
    containers: 2,
    unit: 'kubernetes-worker/0',
    bundle: kubernetesBundle,
    mirrors: kubernetesMirror,
    check: async (muster) => {
      const smoke = await muster('logs', 'kubernetes-core', '--step', 'kubernetes-control-plane/0:kubernetes-smoke');
      expect(smoke).toContain('a Deployment of 3 pods is on all 2 nodes');
      expect(smoke).toMatch(/a rolling restart of all pods: \d+ requests, none failed/);
    },
  },
];

/** Kubernetes' programs are there where `bin/test offline` made them. */
const CASES = ALL.filter(({ name }) => name !== 'kubernetes-core' || hasKubernetes);

/** Something outside. */
interface Place {
  host: string;
  address: string;
  port: number;
}

/** Where this computer's apt fetches packages from. */
async function packageArchive(): Promise<Place> {
  const argv = ['indextargets', '--no-release-info', '--format', '$(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await promisify(execFile)('apt-get', argv);
  const url = new URL(stdout.split('\n').find((line) => line.startsWith('http')) ?? 'http://deb.debian.org/');
  const { address } = await lookup(url.hostname, 4);
  return { host: url.hostname, address, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) };
}

/** Of `timeout`: exits with 0 where a connection is made. */
const connectionTo = ({ address, port }: Place) => ['10', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`];

describe.skipIf(isLxdMissing)('an archive, where no network leads outside', { timeout: 25 * 60_000 }, () => {
  const dir = mkdtempSync('/var/tmp/moffline-');
  const stages: string[] = [];
  let cut: CutOffNetwork;
  let online: OwnComputer | null = null;
  let computer: OwnComputer | null = null;
  let outside: Place;

  beforeAll(async () => {
    // Of servers that are other users.
    chmodSync(dir, 0o755);
    outside = await packageArchive();
    cut = await CutOffNetwork.start();
  }, 60_000);
  afterAll(async () => {
    console.log(stages.join('\n'));
    await online?.stop();
    await computer?.stop();
    cut.stop();
    rmSync(dir, { recursive: true, force: true });
  }, 300_000);

  const fileOf = ({ name }: Case) => join(dir, `${name}.muster.tar`);
  const timed = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const began = Date.now();
    const result = await work();
    stages.push(`${stage}: ${((Date.now() - began) / 1000).toFixed(1)} s`);
    return result;
  };

  describe('a computer with a network', () => {
    it('has a server, and an image for containers', async () => {
      await promisify(execFile)('timeout', connectionTo(outside));
      mkdirSync(CACHE, { recursive: true });
      chmodSync(CACHE, 0o1777);
      const mirrors = CASES.map((each) => each.mirrors(join(dir, 'mirror'))).join(' ');
      const settings = { MUSTER_ARTIFACT_MIRRORS: mirrors, MUSTER_IMAGES_CACHE_DIR: CACHE };
      online = await OwnComputer.start({ bridge: 'monline0', address: '10.179.16.1/24', settings });
      await online.serve();
      await timed('image', () => online!.muster('images', 'build', BASE, '--kernel', 'none'));
    });

    it.each(CASES)('exports $name', async (each) => {
      const bundle = join(dir, `${each.name}.yaml`);
      writeFileSync(bundle, each.bundle());
      const argv = ['--with-artifacts', '--base', BASE, '--name', each.name, '--output', fileOf(each)];
      const said = await timed(`export ${each.name}`, () => online!.muster('bundles', 'export', bundle, ...argv));
      expect(said).toContain('SHA-256');
      stages.push(said.trim());
    });

    it('is gone then, with all that could be found by chance', async () => {
      await online?.stop();
      online = null;
      rmSync(join(dir, 'mirror'), { recursive: true, force: true });
    });
  });

  describe('a computer without', () => {
    it('has a server of its own, and no way outside', async () => {
      computer = await OwnComputer.start({
        ...{ bridge: 'moffline0', address: '10.179.17.1/24', inside: cut, timeoutMs: 20 * 60_000 },
        settings: { MUSTER_IMAGES_CACHE_DIR: undefined },
      });
      await computer.serve();
      await expect(cut.run('timeout', ...connectionTo(outside))).rejects.toThrow(/Network is unreachable/);
      await expect(cut.run('getent', 'ahosts', outside.host)).rejects.toThrow();
    });

    describe.each(CASES)('$name', (each) => {
      let isUp = false;

      it('is imported', async () => {
        await timed(`import ${each.name}`, () => computer!.muster('bundles', 'import', fileOf(each)));
        expect(await computer!.muster('bundles', 'list')).toContain(each.name);
      });

      it('is up after one command, verified', async () => {
        const argv = [each.name, '--on', 'localhost', '--base', BASE, '--yes'];
        const said = await timed(`up ${each.name}`, () => computer!.muster('up', ...argv)).catch(
          async (error: unknown) => {
            console.log(await computer!.muster('logs', each.name));
            throw error;
          },
        );
        expect(said).toContain(`${each.name} is up`);
        expect(computer!.containers().split('\n')).toHaveLength(each.containers);
        isUp = true;
      });

      it('works', async ({ skip }) => {
        if (!isUp) skip('it is not up');
        // Before the next run: `logs` shows the latest.
        await each.check((...argv) => computer!.muster(...argv));
        await timed(`verify ${each.name}`, () => computer!.muster('verify', each.name));
      });

      it('had no way outside, on the computer and on its nodes', async ({ skip }) => {
        if (!isUp) skip('it is not up');
        const links = JSON.parse(await cut.run('ip', '-json', 'link')) as { ifname: string; master?: string }[];
        const own = links.filter(({ ifname, master }) => ![ifname, master].some((name) => name === 'moffline0'));
        expect(own.map(({ ifname }) => ifname)).toEqual(['lo']);
        const routes = JSON.parse(await cut.run('ip', '-json', 'route', 'show', 'table', 'all')) as {
          dst: string;
          dev?: string;
        }[];
        expect(routes.length).toBeGreaterThan(0);
        expect(routes.filter(({ dst, dev }) => dst === 'default' && dev !== 'lo')).toEqual([]);
        await expect(cut.run('timeout', ...connectionTo(outside))).rejects.toThrow(/Network is unreachable/);
        const unit = `${each.name}:${each.unit}`;
        const there = computer!.muster('exec', unit, '--', 'timeout', ...connectionTo(outside));
        await expect(there).rejects.toThrow(/unreachable/);
      });

      it('leaves nothing', async () => {
        await computer!.muster('down', each.name, '--yes');
        expect(computer!.containers()).toBe('');
      });
    });
  });
});
