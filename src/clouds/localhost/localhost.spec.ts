import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { loadSettings } from '../../platform/config/index.js';
import type { Host } from './host.js';
import { raiseLimits, readLimits } from './host-limits.js';
import { HostForServer } from './host-for-server.js';
import { LocalhostCloud, routesOf } from './localhost-cloud.js';
import { SupervisedHost } from './supervised-host.js';

/** A server and its supervisor, with a host that does what the test says. */
function supervised(host: Host): SupervisedHost {
  let hear: (message: unknown) => void = () => undefined;
  const supervisor = new HostForServer((message) => hear(message), host);
  return new SupervisedHost({
    send: (message) => supervisor.hear(JSON.parse(JSON.stringify(message))),
    onMessage: (listener) => (hear = listener),
  });
}

const signal = new AbortController().signal;

it('an unprivileged server has the supervisor do what needs root, and hears how it goes', async () => {
  const host = supervised({
    installLxd: (tell) => {
      tell('apt-get install lxd');
      return Promise.resolve();
    },
    raiseLimits: () => Promise.reject(new MusterError('conflict', 'cannot write', { hint: 'be root' })),
  });
  const lines: string[] = [];
  await host.installLxd((line) => lines.push(line), signal);
  expect(lines).toEqual(['apt-get install lxd']);
  await expect(host.raiseLimits(() => undefined, signal)).rejects.toMatchObject({ hint: 'be root' });
});

it('a supervisor does nothing that is not on its list', async () => {
  const sent: object[] = [];
  const supervisor = new HostForServer((message) => sent.push(message), {
    installLxd: () => Promise.reject(new Error('called')),
    raiseLimits: () => Promise.reject(new Error('called')),
  });
  supervisor.hear({ kind: 'host.do', id: 1, order: 'rm -rf /' });
  supervisor.hear('host.do');
  await new Promise(setImmediate);
  expect(sent).toEqual([]);
});

const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	0100000A	0003	0	0	0	00000000	0	0	0
eth0	0000B20A	00000000	0001	0	0	0	0000FFFF	0	0	0
muster0	0000B20A	00000000	0001	0	0	0	00FCFFFF	0	0	0
`;

it("reads the kernel's routes", () => {
  expect(routesOf(ROUTES)).toEqual([
    { name: 'eth0', prefix: { network: 0, length: 0 } },
    { name: 'eth0', prefix: { network: 0x0ab20000, length: 16 } },
    { name: 'muster0', prefix: { network: 0x0ab20000, length: 22 } },
  ]);
});

it('refuses a bridge where this computer has a route, but not for its own bridge or the default', async () => {
  const host: Host = { installLxd: () => Promise.resolve(), raiseLimits: () => Promise.resolve() };
  const settings = loadSettings({ MUSTER_LOCALHOST_ENABLED: 'true', MUSTER_LOCALHOST_SOCKET: '/nowhere' });
  const prepared = (routes: string) =>
    new LocalhostCloud(settings, host, () => routes).prepareHost(() => Promise.resolve(), signal);
  await expect(prepared(ROUTES)).rejects.toThrow(
    'cannot give the bridge 10.178.0.1/22: this computer has a route to 10.178.0.0/16 by eth0',
  );
  const own = ROUTES.split('\n').filter((line) => !line.includes('0000FFFF'));
  await expect(prepared(own.join('\n'))).resolves.toBeUndefined();
});

it('raises limits that are too low, keeps them for the next start, and leaves higher ones and absent ones alone', () => {
  const root = mkdtempSync(join(tmpdir(), 'muster-limits-'));
  const put = (path: string, text: string) => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  const kept = () => readFileSync(join(root, 'etc/sysctl.d/60-muster.conf'), 'utf8');
  try {
    put('proc/sys/kernel/keys/maxkeys', '200\n');
    put('proc/sys/kernel/pid_max', '4194304\n');
    // By an earlier muster.
    put('etc/sysctl.d/60-muster.conf', 'fs.inotify.max_user_instances=8192\n');
    expect(raiseLimits(root)).toEqual([
      'raised kernel.keys.maxkeys=20000 (it was 200), kept in /etc/sysctl.d/60-muster.conf',
    ]);
    expect(readLimits(root).find(({ name }) => name === 'kernel.keys.maxkeys')?.now).toBe(20_000);
    expect(kept()).toMatch(/^kernel\.keys\.maxkeys=20000$/m);
    expect(kept()).toMatch(/^fs\.inotify\.max_user_instances=8192$/m);
    expect(kept()).not.toContain('pid_max');
    expect(raiseLimits(root)).toEqual([]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
