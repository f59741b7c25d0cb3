import { afterAll, describe, expect, it } from 'vitest';
import type { LxdCloud } from '../../src/clouds/lxd/lxd-cloud.js';
import { lxdHandlers } from '../../src/clouds/lxd/lxd-handlers.js';
import { LxdClient } from '../../src/clouds/lxd/lxd-client.js';
import { LxdProvider } from '../../src/clouds/lxd/lxd.provider.js';
import { trustRemote } from '../../src/clouds/lxd/remote-lxd.js';
import { cloudContract } from '../support/cloud-contract.js';
import { containerImages } from '../support/container-images.js';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';

const settings = {
  ...{ project: 'remote', bridge: 'mremote0', address: '10.179.13.1/24', pool: 'remote' },
  poolDriver: 'dir' as const,
};

describe.skipIf(isLxdMissing)('lxd, over HTTPS, with a real LXD', () => {
  const lxd = isLxdMissing ? null : LxdServer.start();
  const token = () => lxd?.lxc('config', 'trust', 'add', '--name', 'muster', '--quiet').trim().split('\n').at(-1) ?? '';
  afterAll(() => lxd?.stop(settings));

  it('trusts us by a token, once; another server or a wrong token is refused', async () => {
    lxd?.lxc('config', 'set', 'core.https_address', '127.0.0.1:18443');
    const url = 'https://127.0.0.1:18443';
    const good = token();
    const { fingerprint: _, ...rest } = JSON.parse(Buffer.from(good, 'base64').toString()) as Record<string, unknown>;
    const other = Buffer.from(JSON.stringify({ ...rest, fingerprint: '0'.repeat(64) })).toString('base64');
    await expect(trustRemote({ url, token: other }, new Date())).rejects.toThrow(/shows the certificate/);
    expect((await trustRemote({ url, token: good }, new Date())).server).toMatch(/^(lxd|incus) \d/);
    await expect(trustRemote({ url, token: good }, new Date())).rejects.toThrow(/cannot use/);
    await expect(trustRemote({ url, token: 'nonsense' }, new Date())).rejects.toThrow(/cannot read the token/);
  });

  cloudContract('lxd', async () => {
    const place = await trustRemote({ url: 'https://127.0.0.1:18443', token: token() }, new Date());
    const client = new LxdClient(place, settings.project);
    const cloud: LxdCloud = { name: 'far', settings, sshHost: '127.0.0.1', client: () => Promise.resolve(client) };
    const images = containerImages();
    return {
      provider: new LxdProvider('lxd', cloud, images),
      handlers: lxdHandlers({ lxd: () => Promise.resolve(cloud) }, images),
      base: { os: 'debian', release: '12' },
      impossible: { zones: ['a'] },
      stop: () => Promise.resolve(),
    };
  });
});
