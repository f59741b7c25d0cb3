import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';
import { ip } from '../support/network-namespace.js';

const ROLE = join(import.meta.dirname, '../../bundles/roles/lxd');
const NETWORK = 'mlxdrole';
const FAN = { REL_FAN_0_BRIDGE: 'mfan0', REL_FAN_0_MTU: '1414' };

describe.skipIf(isLxdMissing)('the role lxd, with a real LXD', () => {
  let lxd: LxdServer;

  beforeAll(async () => {
    await ip(`netns add ${NETWORK}`);
    await ip(`-n ${NETWORK} link set lo up`);
    await ip(`-n ${NETWORK} link add mfan0 type bridge`);
    lxd = LxdServer.start(['ip', 'netns', 'exec', NETWORK]);
  });
  afterAll(async () => {
    await lxd.stop({ project: 'default', bridge: 'lxdbr0', pool: 'default' });
    await ip(`netns del ${NETWORK}`);
  });

  /** Its status and what it says is wrong. */
  function configure(address: string, fan: Partial<typeof FAN> = {}): string {
    const env = {
      ...process.env,
      LXD_DIR: lxd.dir,
      LXD_CONF: join(lxd.dir, 'client'),
      OPT_STORAGE: 'dir',
      OPT_STORAGE_SIZE: '5GiB',
      OPT_STORAGE_SOURCE: '',
      OPT_BRIDGE_ADDRESS: address,
      ...fan,
    };
    const { status, stderr } = spawnSync('bash', [join(ROLE, 'configure.sh')], { cwd: ROLE, env, encoding: 'utf8' });
    return `${status} ${/^(cannot|Error).*/m.exec(stderr)?.[0] ?? ''}`.trim();
  }
  const address = () => lxd.lxc('network', 'get', 'lxdbr0', 'ipv4.address').trim();
  const eth0 = () =>
    ['parent', 'mtu']
      .map((key) => lxd.lxc('profile', 'device', 'get', 'default', 'eth0', key).trim())
      .join(' ')
      .trim();

  it('gives it a pool and a bridge, and changes what it gave', () => {
    expect(configure('10.177.1.1/24')).toBe('0');
    expect([address(), eth0()]).toEqual(['10.177.1.1/24', 'lxdbr0']);
    expect(lxd.lxc('profile', 'device', 'get', 'default', 'root', 'pool').trim()).toBe('default');
    expect(configure('10.177.2.1/24')).toBe('0');
    expect(address()).toBe('10.177.2.1/24');
  });

  it('attaches containers to a fan that comes, and leaves it as it is the next time', () => {
    expect(configure('10.177.2.1/24', FAN)).toBe('0');
    expect(eth0()).toBe('mfan0 1414');
    const shown = lxd.lxc('profile', 'show', 'default');
    expect(configure('10.177.2.1/24', FAN)).toBe('0');
    expect(lxd.lxc('profile', 'show', 'default')).toBe(shown);
    expect(configure('10.177.2.1/24')).toBe('0');
    expect(eth0()).toBe('lxdbr0');
  });

  it("leaves an operator's bridge and containers as they are", () => {
    lxd.lxc('network', 'unset', 'lxdbr0', 'user.muster');
    lxd.lxc('profile', 'unset', 'default', 'user.muster');
    lxd.lxc('init', '--empty', 'own');
    expect(configure('10.177.3.1/24')).toBe('0');
    expect([address(), eth0()]).toEqual(['10.177.2.1/24', 'lxdbr0']);
    expect(configure('10.177.3.1/24', FAN)).toMatch(
      /^78 cannot set LXD up: the profile "default" attaches 1 containers? of others to lxdbr0/,
    );
    expect(eth0()).toBe('lxdbr0');
    lxd.lxc('profile', 'device', 'remove', 'default', 'eth0');
    lxd.lxc('profile', 'device', 'add', 'default', 'net0', 'nic', 'name=eth0', 'network=lxdbr0');
    expect(configure('10.177.3.1/24')).toBe('0');
    expect(lxd.lxc('profile', 'device', 'list', 'default').trim().split('\n').sort()).toEqual(['net0', 'root']);
    lxd.lxc('delete', 'own');
    expect(configure('10.177.3.1/24', FAN)).toBe('0');
    expect([address(), eth0()]).toEqual(['10.177.2.1/24', 'mfan0 1414']);
  });
});
