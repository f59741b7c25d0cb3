import { describe, expect, it } from 'vitest';
import { instanceBody, instanceName, type InstanceWish } from './instance.js';

const wish: InstanceWish = {
  ...{ name: 'prod-0', deploymentId: 'd1', key: '0' },
  constraints: { cores: 4, memMiB: 2048, rootDiskMiB: 8192 },
  container: { nesting: false, privileged: false },
};
const place = { alias: 'muster-debian-12-abc', hostCores: 2, pool: 'muster' };

describe('a container', () => {
  it('has what was asked for as limits, and no more cores than there are', () => {
    expect(instanceBody(wish, place)).toEqual({
      name: 'prod-0',
      type: 'container',
      source: { type: 'image', alias: 'muster-debian-12-abc' },
      profiles: ['default'],
      config: {
        'user.muster.deployment': 'd1',
        'user.muster.node': '0',
        'limits.cpu': '2',
        'limits.memory': '2048MiB',
      },
      devices: { root: { type: 'disk', path: '/', pool: 'muster', size: '8192MiB' } },
    });
  });

  it('allows what its roles need, and nothing else', () => {
    const of = (nesting: boolean, privileged: boolean) =>
      instanceBody({ ...wish, constraints: {}, container: { nesting, privileged } }, place);
    expect(Object.keys(of(false, false).config)).toEqual(['user.muster.deployment', 'user.muster.node']);
    expect(of(true, false).config).toMatchObject({ 'security.nesting': 'true' });
    expect(of(true, false).config).not.toHaveProperty('security.privileged');
    expect(of(true, true)).toMatchObject({
      config: {
        'security.nesting': 'true',
        'security.privileged': 'true',
        'raw.lxc': expect.stringContaining('lxc.cap.drop=\n') as string,
      },
      devices: { kmsg: { type: 'unix-char', source: '/dev/kmsg', path: '/dev/kmsg' } },
    });
  });

  it.each([
    ['prod-0', 'prod-0'],
    ['prod-0/lxd/easyrsa-0', /^prod-0-lxd-easyrsa-0-[0-9a-f]{6}$/],
    ['x'.repeat(80), /^x{56}-[0-9a-f]{6}$/],
    ['7up-0', /^up-0-[0-9a-f]{6}$/],
  ])('of %s has a name that LXD takes', (hostname, name) => {
    expect(instanceName(hostname)).toMatch(name);
    expect(instanceName(hostname)).toMatch(/^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/);
  });
});
