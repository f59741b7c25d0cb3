import { describe, expect, it } from 'vitest';
import { lxdHandlers } from '../../src/clouds/lxd/lxd-handlers.js';
import { LxdProvider } from '../../src/clouds/lxd/lxd.provider.js';
import { LocalhostCloud } from '../../src/clouds/localhost/localhost-cloud.js';
import { loadSettings } from '../../src/platform/config/index.js';
import { cloudContract } from '../support/cloud-contract.js';
import { containerImages } from '../support/container-images.js';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';

describe.skipIf(isLxdMissing)('localhost, with a real LXD', () => {
  cloudContract('localhost', () => {
    const lxd = LxdServer.start();
    const settings = loadSettings({
      MUSTER_LOCALHOST_ENABLED: 'true',
      MUSTER_LOCALHOST_SOCKET: lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: 'mcontract0',
      MUSTER_LOCALHOST_ADDRESS: '10.179.12.1/24',
    });
    const host = { installLxd: () => Promise.reject(new Error('it is there')), raiseLimits: () => Promise.resolve() };
    const cloud = new LocalhostCloud(settings, host);
    const images = containerImages();
    const clouds = { lxd: () => Promise.resolve(cloud) };
    return Promise.resolve({
      provider: new LxdProvider('localhost', cloud, images),
      handlers: lxdHandlers(clouds, images),
      base: { os: 'debian', release: '12' },
      // A cgroup of its own for what counts processor time, the kernel's messages, and settings of the kernel.
      privileged: `
        for name in cpu cpuacct; do
          grep -q "^$name[[:space:]]*[1-9]" /proc/cgroups || continue
          mkdir /sys/fs/cgroup/$name/trial; rmdir /sys/fs/cgroup/$name/trial
        done
        dd if=/dev/kmsg of=/dev/null bs=8192 count=1 2>/dev/null
        cat /proc/sys/net/ipv4/ip_forward >/proc/sys/net/ipv4/ip_forward
        [ "$(systemctl is-failed 'muster-*')" != failed ]`,
      impossible: { tags: ['gpu'] },
      stop: () => lxd.stop(cloud.settings),
    });
  });
});

it('is not used by a server that was not allowed to', async () => {
  const cloud = new LocalhostCloud(loadSettings({}), {
    installLxd: () => Promise.resolve(),
    raiseLimits: () => Promise.resolve(),
  });
  await expect(cloud.client()).rejects.toThrow(/may not make containers/);
});
