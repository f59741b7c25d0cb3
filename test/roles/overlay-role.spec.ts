import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, compileRemove, loadBundle } from '../../src/bundles/index.js';
import { NamespaceRack, PlanOnHosts, type NamespaceHost } from '../support/namespace-rack.js';
import { shippedRoles } from '../support/shipped-bundles.js';

const roles = shippedRoles();

/** Overlay networks alone, on so many hosts that have nothing else. */
function overlayOn(hosts: number, networks: string) {
  const text = JSON.stringify({
    applications: {
      host: { role: 'os', num_units: hosts },
      nets: { role: 'overlay-network', options: { networks } },
    },
    relations: [['nets:host', 'host:juju-info']],
    muster: { bases: ['debian@12'] },
  });
  const { bundle, diagnostics } = loadBundle([{ name: 'overlay.yaml', text }], roles);
  if (!bundle) throw new Error(JSON.stringify(diagnostics));
  return bundle;
}

describe('the overlay-network role', () => {
  let rack: NamespaceRack;
  const hosts = new Map<string, NamespaceHost>();
  const host = (index: number): NamespaceHost => hosts.get(`host-${index}`)!;

  beforeAll(async () => {
    rack = await NamespaceRack.create('mov');
    for (const index of [0, 1, 2]) hosts.set(`host-${index}`, await rack.add(31 + index));
  });
  afterAll(() => rack.destroy());

  async function apply(count: number, networks: string): Promise<PlanOnHosts> {
    const execution = new PlanOnHosts(hosts);
    const { plan } = compileBundle({ bundle: overlayOn(count, networks), roles });
    const steps = plan.steps.filter((step) => step.key.startsWith('nets/'));
    const withoutOthers = steps.map((step) => ({
      ...step,
      after: step.after.filter((key) => !key.startsWith('host/')),
    }));
    await execution.run(withoutOthers);
    return execution;
  }

  /** Gives a host an address in a network, as something attached to it would have. */
  const attach = (index: number, network: string, address: string) =>
    host(index).exec('ip', ['addr', 'replace', address, 'dev', `ov-${network}`]);
  const pings = (index: number, address: string, ...more: string[]) =>
    host(index).exec('ping', ['-c', '2', '-W', '2', ...more, address]);
  const links = (index: number) => host(index).exec('ip', ['-br', 'link']);

  it('joins the hosts into one layer-2 segment for each name, apart from one another', async () => {
    const execution = await apply(2, 'blue:1001 red:1002');
    expect(execution.outputs.get('nets/0:configure')).toEqual({ networks: 'blue red ', mtu: '1450' });
    expect(execution.logs.get('nets/0:reach')).toContain('blue: nets/1 answers 1450-byte packets');
    expect(execution.logs.get('nets/1:reach')).toContain('red: nets/0 answers 1450-byte packets');
    await attach(0, 'blue', '192.0.2.1/24');
    await attach(1, 'blue', '192.0.2.2/24');
    expect(await pings(0, '192.0.2.2', '-s', '1422', '-M', 'do')).toContain('2 received');
    // The same address in the other network is somebody else's: nobody has it there.
    await attach(0, 'red', '198.51.100.1/24');
    await expect(pings(0, '198.51.100.2')).rejects.toThrow();
  });

  it('says that nothing is to be changed when it is applied again', async () => {
    const { unchanged } = await apply(2, 'blue:1001 red:1002');
    expect([...unchanged].sort()).toEqual(['nets/0:configure', 'nets/0:install', 'nets/1:configure', 'nets/1:install']);
  });

  it('adds and removes a network and a host while what is there goes on without a loss', async () => {
    const flow = host(0).exec('ping', ['-i', '0.02', '-c', '200', '-W', '1', '192.0.2.2']);
    const grown = await apply(3, 'blue:1001 green:1003');
    expect(await flow).toContain('200 received');
    expect(await links(0)).toMatch(/ov-green/);
    expect(await links(0)).not.toMatch(/red/);
    expect(grown.logs.get('nets/0:reach')).toContain('green: nets/2 answers');
    await attach(2, 'blue', '192.0.2.3/24');
    expect(await pings(0, '192.0.2.3')).toContain('2 received');
    // The host that left still sends; nobody listens to it any more.
    await apply(2, 'blue:1001');
    await expect(pings(2, '192.0.2.1')).rejects.toThrow();
    expect(await pings(0, '192.0.2.2')).toContain('2 received');
  });

  it.each([
    ['blue', '"blue" is not such as lan:1001'],
    ['blue:1 blue:2', 'has a name or a number that another has'],
    ['blue:1 red:1', 'has a name or a number that another has'],
    ['blue:16777216', 'is not of 24 bits'],
    ['a-name-too-long:1', 'is not such as'],
    ['$(touch /tmp/owned):1', 'is not such as'],
  ])('refuses "%s" and changes nothing', async (networks, message) => {
    const before = await links(0);
    await expect(apply(2, networks)).rejects.toThrow(message);
    expect(await links(0)).toBe(before);
  });

  it('does not touch a network of the same name that another application laid', async () => {
    await host(0).exec('sed', ['-i', 's/^OWNER=.*/OWNER=another/', '/etc/muster/overlay/blue.conf']);
    await expect(apply(2, 'blue:1001')).rejects.toThrow(`the network "blue" is another application's on this node`);
    await host(0).exec('sed', ['-i', 's/^OWNER=.*/OWNER=nets/', '/etc/muster/overlay/blue.conf']);
  });

  it('is removed without a trace', async () => {
    const nodes = Object.fromEntries([...hosts].map(([key, { address }]) => [key, { nodeId: key, address }]));
    const { plan } = compileRemove({
      bundle: overlayOn(3, 'blue:1001'),
      roles,
      known: { nodes, published: {} },
    });
    await new PlanOnHosts(hosts).run(plan.steps);
    for (const index of [0, 1, 2]) {
      expect(await links(index)).not.toMatch(/ov-|vx-/);
      expect(await host(index).exec('nft', ['list', 'tables'])).not.toContain('muster_overlay');
      expect(await host(index).exec('sh', ['-c', 'ls /etc/muster /usr/local/lib/muster 2>&1 || true'])).not.toContain(
        'overlay',
      );
    }
  });
});
