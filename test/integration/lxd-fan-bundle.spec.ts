import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, compileRemove, loadBundle } from '../../src/bundles/index.js';
import { NamespaceRack, PlanOnHosts, type NamespaceHost } from '../support/namespace-rack.js';
import { shippedBundle, shippedRoles } from '../support/shipped-bundles.js';

/** systemd's part, which hosts that are namespaces do not have: LXD runs, and so does the fan's address server. */
async function startLxd(host: NamespaceHost): Promise<void> {
  host.start('lxd', ['--group', 'root', '--logfile', `${host.folder}/lxd.log`]);
  await host.exec('lxd', ['waitready', '--timeout=60']);
}

async function startServices(key: string, host: NamespaceHost): Promise<void> {
  if (key.startsWith('fan/') && key.endsWith(':configure')) host.start('/usr/local/lib/muster/fan', ['dhcp', '250']);
  await Promise.resolve();
}

/** Ubuntu has LXD as a snap alone; without one these tests are counted as skipped there, and there only. */
const isMissingSnap =
  /^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8')) &&
  !['/usr/sbin/lxd', '/usr/bin/lxd', '/snap/bin/lxd'].some((path) => existsSync(path));

describe.skipIf(isMissingSnap)('bundles/lxd-fan with a real LXD', () => {
  let rack: NamespaceRack;
  const hosts = new Map<string, NamespaceHost>();
  const roles = shippedRoles();
  const { bundle } = loadBundle([shippedBundle('lxd-fan')], roles);
  if (!bundle) throw new Error('cannot load bundles/lxd-fan');

  beforeAll(async () => {
    rack = await NamespaceRack.create('mlf');
    for (const index of [0, 1]) {
      const host = await rack.add(11 + index);
      hosts.set(`lxd-${index}`, host);
      await startLxd(host);
    }
  });
  afterAll(async () => {
    for (const host of rack.hosts) await host.exec('lxd', ['shutdown', '--timeout=30']).catch(() => '');
    await rack.destroy();
  });

  it('starts a container on each host, and they reach one another across the fan', async () => {
    const execution = new PlanOnHosts(hosts, startServices);
    await execution.run(compileBundle({ bundle, roles }).plan.steps);
    expect(execution.outputs.get('fan/1:configure')).toEqual({
      bridge: 'fan-250',
      overlay: '250.0.0.0/8',
      slice: '250.12.0.0/16',
      bridge_address: '250.12.0.1',
      mtu: '1464',
    });
    expect(execution.outputs.get('lxd/0:probe')?.container_address).toMatch(/^250\.11\.\d+\.\d+$/);
    expect(execution.logs.get('lxd/0:across')).toMatch(
      /lxd\/1: 250\.12\.\d+\.\d+ answers small and 1464-byte packets, and its payload arrived whole/,
    );
    expect(execution.logs.get('fan/0:reach')).toContain('fan/1: 250.12.0.1 answers 1464-byte packets');
  });

  it('changes nothing when it is applied again', async () => {
    const execution = new PlanOnHosts(hosts);
    const before = await hosts.get('lxd-0')?.exec('lxc', ['list', '--format', 'csv', '-c', 'nlD4']);
    await execution.run(compileBundle({ bundle, roles }).plan.steps);
    expect(await hosts.get('lxd-0')?.exec('lxc', ['list', '--format', 'csv', '-c', 'nlD4'])).toBe(before);
  });

  it('is removed without a trace of containers or fan', async () => {
    const nodes = Object.fromEntries([...hosts].map(([key, host]) => [key, { nodeId: key, address: host.address }]));
    const { plan } = compileRemove({ bundle, roles, known: { nodes, published: {} } });
    await new PlanOnHosts(hosts).run(plan.steps);
    for (const host of hosts.values()) {
      expect(await host.exec('lxc', ['list', '--format', 'csv'])).toBe('');
      expect(await host.exec('ip', ['-br', 'link'])).not.toMatch(/fan/);
      expect(await host.exec('ip', ['route'])).not.toContain('250.');
    }
  });
});
