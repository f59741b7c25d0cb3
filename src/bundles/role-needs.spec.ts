import { expect, it } from 'vitest';
import { shippedBundle, shippedRoles } from '../../test/support/shipped-bundles.js';
import { loadBundle } from './load-bundle.js';
import { needsOfBundle, needsOfRoles } from './role-needs.js';

const roles = shippedRoles();
const debian = { os: 'debian', release: '12' };
const named = (...names: string[]) => names.map((name) => roles.get(name)).filter((role) => role !== undefined);

it('what roles need before they are laid down is what they ask for then, with defaults', () => {
  expect(needsOfRoles(named('ntp', 'docker', 'etcd'), debian)).toEqual({
    packages: ['busybox-static', 'chrony', 'docker.io', 'etcd-client', 'etcd-server', 'openssl'],
    masked: ['etcd.service'],
    artifacts: [],
  });
  const [artifact] = needsOfRoles(named('coredns'), debian).artifacts;
  expect(artifact).toMatchObject({ name: 'coredns', optional: false });
  expect(artifact?.url).toMatch(/download\/v1\.\d+\.\d+\/coredns_1\.\d+\.\d+_linux_\$\{arch\}\.tgz$/);
});

it('of a bundle it is what its applications ask for with their options', () => {
  const overlay = { name: 'x.yaml', text: 'applications: {docker: {options: {probe: false}}}' };
  const { bundle } = loadBundle([shippedBundle('docker-fan'), overlay], roles);
  if (bundle === null) throw new Error('cannot load bundles/docker-fan');
  const { packages } = needsOfBundle(bundle, roles, debian);
  expect(packages).toContain('docker.io');
  expect(packages).not.toContain('busybox-static');
});
