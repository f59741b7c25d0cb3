import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, compileRemove, loadBundle } from '../../src/bundles/index.js';
import { fanBridgeAddress, formatAddress, parseAddress, parsePrefix } from '../../src/protocol/ipv4/index.js';
import { NamespaceRack, PlanOnHosts, type NamespaceHost } from '../support/namespace-rack.js';
import { shippedRoles } from '../support/shipped-bundles.js';

const PROGRAM = '/usr/local/lib/muster/fan';
const roles = shippedRoles();

/** A bundle of the fan alone, on so many hosts that have nothing else. */
function fanOn(hosts: number, options: Record<string, unknown>) {
  const text = JSON.stringify({
    applications: { host: { role: 'os', num_units: hosts }, fan: { role: 'fan', options } },
    relations: [['fan:host', 'host:juju-info']],
    muster: { bases: ['debian@12'] },
  });
  const { bundle, diagnostics } = loadBundle([{ name: 'fan.yaml', text }], roles);
  if (!bundle) throw new Error(JSON.stringify(diagnostics));
  return bundle;
}

describe.each(['routes', 'ebpf', 'direct'])('the fan role in the mode %s', (mode) => {
  let rack: NamespaceRack;
  const hosts = new Map<string, NamespaceHost>();
  const host = (index: number): NamespaceHost => hosts.get(`host-${index}`)!;
  const known = () => Object.fromEntries([...hosts].map(([key, { address }]) => [key, { nodeId: key, address }]));

  /** Applies the fan to the first `count` hosts. */
  async function apply(count: number): Promise<PlanOnHosts> {
    const execution = new PlanOnHosts(hosts);
    const { plan } = compileBundle({ bundle: fanOn(count, { mode, dhcp: false }), roles });
    await execution.run(plan.steps.filter((step) => step.key.startsWith('fan/')).map(withoutOthers));
    return execution;
  }
  const withoutOthers = <Step extends { after: string[] }>(step: Step): Step => ({
    ...step,
    after: step.after.filter((key) => !key.startsWith('host/')),
  });

  beforeAll(async () => {
    rack = await NamespaceRack.create('mfr');
    for (const index of [0, 1, 2]) hosts.set(`host-${index}`, await rack.add(21 + index));
  });
  afterAll(() => rack.destroy());

  it('lays the fan that the arithmetic gives, and every host reaches every other by it', async () => {
    const execution = await apply(2);
    const fan = { overlay: parsePrefix('250.0.0.0/8'), underlay: parsePrefix('10.98.0.0/24') };
    for (const index of [0, 1]) {
      const bridge = formatAddress(fanBridgeAddress(fan, parseAddress(host(index).address)));
      expect(execution.outputs.get(`fan/${index}:configure`)?.bridge_address).toBe(bridge);
    }
    expect(execution.logs.get('fan/0:reach')).toContain('250.22.0.1 answers');
  });

  it('takes a joining host in without dropping what flows, and lets a leaving one go', async () => {
    const flow = host(0).exec('ping', ['-i', '0.01', '-c', '300', '-W', '1', '250.22.0.1']);
    await apply(3);
    expect(await flow).toContain('300 received');
    expect(await host(2).exec('ping', ['-c', '1', '-W', '2', '250.21.0.1'])).toContain('1 received');
    await apply(2);
    // The one that left still sends; nobody listens to it any more.
    await expect(host(2).exec('ping', ['-c', '1', '-W', '1', '250.21.0.1'])).rejects.toThrow();
    const routes = await host(0).exec('ip', ['route']);
    if (mode !== 'ebpf') expect(routes).not.toContain('250.23.');
    await expect(host(0).exec('ping', ['-c', '1', '-W', '1', '250.23.0.1'])).rejects.toThrow();
  });

  it('loses no packet while its own routes are laid again and again', async () => {
    const flow = host(0).exec('ping', ['-i', '0.005', '-c', '400', '-W', '1', '250.22.0.1']);
    for (let round = 0; round < 5; round++) await host(0).exec(PROGRAM, ['up', '250']);
    expect(await flow).toContain('400 received');
  });

  it('answers for no address of the overlay that nobody has', async () => {
    const said = await host(0).exec('sh', ['-c', 'ping -c 1 -W 1 250.99.0.1 2>&1 || true']);
    expect(said).toMatch(mode === 'ebpf' ? /100% packet loss/ : /Invalid argument|unreachable/);
  });

  it('is removed without a trace', async () => {
    const { plan } = compileRemove({
      bundle: fanOn(2, { mode, dhcp: false }),
      roles,
      known: { nodes: known(), published: {} },
    });
    await new PlanOnHosts(hosts).run(plan.steps);
    for (const index of [0, 1]) {
      expect(await host(index).exec('ip', ['-br', 'link'])).not.toMatch(/fan/);
      expect(await host(index).exec('ip', ['route'])).not.toContain('250.');
      expect(await host(index).exec('nft', ['list', 'tables'])).not.toContain('muster');
      const files = 'ls -d /etc/muster/fan /usr/local/lib/muster/fan* /var/lib/muster-fan 2>/dev/null; true';
      expect(await host(index).exec('sh', ['-c', files])).toBe('');
    }
  });
});

describe('the fan program', () => {
  let rack: NamespaceRack;
  let host: NamespaceHost;
  beforeAll(async () => {
    rack = await NamespaceRack.create('mfp');
    host = await rack.add(7);
    const program = roles.get('fan')?.files.find((file) => file.name === 'fan')?.text ?? '';
    await host.exec('mkdir', ['-p', '/etc/muster/fan']);
    await host.exec('sh', ['-c', 'printf %s "$PROGRAM" >/usr/local/lib/fan-under-test'], { PROGRAM: program });
  });
  afterAll(() => rack.destroy());

  /** `fan show` with these settings. */
  const show = async (settings: Record<string, string>, peers: string[] = [], command = 'show'): Promise<string> => {
    const conf = Object.entries({ OVERLAY: '250.0.0.0/8', ADDRESS: host.address, ...settings });
    await host.exec(
      'sh',
      ['-c', 'printf "%s\\n" "$CONF" >/etc/muster/fan/250.conf; printf "%s" "$PEERS" >/etc/muster/fan/250.peers'],
      {
        CONF: conf.map(([key, value]) => `${key}=${value}`).join('\n'),
        PEERS: peers.map((peer) => `${peer}\n`).join(''),
      },
    );
    return host.exec('bash', ['/usr/local/lib/fan-under-test', command, '250']);
  };

  it('computes what fan.md says', async () => {
    expect(await show({})).toBe(
      [
        'bridge=fan-250',
        'overlay=250.0.0.0/8',
        'underlay=10.98.0.0/24',
        'slice=250.7.0.0/16',
        'bridge_address=250.7.0.1',
        'mtu=1464',
        '',
      ].join('\n'),
    );
    expect(await show({ UNDERLAY: '10.98.0.0/16' })).toContain('slice=250.0.7.0/24');
    expect(await show({ MODE: 'direct' })).toContain('mtu=1500');
  });

  it.each([
    [{ OVERLAY: '10.0.0.0/8' }, 'cannot lay overlay 10.0.0.0/8 over underlay 10.98.0.0/24: they overlap'],
    [{ OVERLAY: '250.0.0.0/24' }, 'its prefix must be shorter, but 24 >= 24'],
    [{ OVERLAY: '250.1.0.0/23' }, 'slices would be /31, longer than /30'],
    [{ UNDERLAY: '10.99.0.0/24' }, 'it is outside the underlay 10.99.0.0/24'],
    [{ UNDERLAY: '10.98.0.7/32', OVERLAY: '250.0.0.0/8' }, 'it is the network address of the underlay 10.98.0.7/32'],
    [{ ADDRESS: '10.98.0.8' }, 'cannot find the interface with address 10.98.0.8'],
    [{ MODE: '$(touch /tmp/owned)' }, 'cannot use mode "$(touch /tmp/owned)"'],
    [{ OVERLAY: '250.0.0.0/8; reboot' }, 'cannot read the network'],
    [{ VNI: '16777216' }, 'it has 24 bits'],
    [{ SURPRISE: '1' }, 'unknown key "SURPRISE"'],
  ])('refuses %j, with the numbers', async (settings, message) => {
    await expect(show(settings)).rejects.toThrow(message);
  });

  it.each([
    ['10.98.0.0', 'it is the network address of the underlay 10.98.0.0/24'],
    ['10.98.0.255', 'it is the broadcast address of the underlay 10.98.0.0/24'],
    ['10.97.0.1', 'it is outside the underlay 10.98.0.0/24'],
    ['10.98.0.1 }; flush ruleset', 'cannot read the address "10.98.0.1 }; flush ruleset"'],
  ])('refuses the peer %s', async (peer, message) => {
    await expect(show({}, [peer], 'up')).rejects.toThrow(message);
  });
});
