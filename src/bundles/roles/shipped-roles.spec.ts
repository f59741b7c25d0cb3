import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shippedRoles } from '../../../test/support/shipped-bundles.js';

/** They lay nothing on a node that would have to be taken away. */
const LAYS_NOTHING = ['os', 'ubuntu'];
/** What bundles of Kubernetes and others are made of: none may get lost. */
const EXPECTED = [
  ...['os', 'ubuntu', 'lxd', 'fan', 'fan-cni', 'flannel', 'containerd', 'easyrsa', 'etcd', 'kubernetes-control-plane'],
  ...[
    'kubernetes-worker',
    'kubeapi-load-balancer',
    'coredns',
    'docker',
    'ntp',
    'overlay-network',
    'apt-proxy',
    'hello',
  ],
];

const roles = [...shippedRoles().values()];
const page = readFileSync(join(import.meta.dirname, '../../../docs/roles.md'), 'utf8');

it('has every role that bundles are made of', () => {
  expect(roles.map(({ name }) => name)).toEqual(expect.arrayContaining(EXPECTED));
});

describe.each(roles)('the shipped role $name', (role) => {
  const steps = [...role.steps.values()];
  const on = (occasion: string) => steps.filter((step) => step.on === occasion);

  it('says what it is, and is a line of docs/roles.md', () => {
    expect(role.summary).toMatch(/^[A-Z].{10,}[^.]$/);
    expect(page).toContain(`| \`${role.name}\` `);
  });

  it('says of every option what it does', () => {
    const silent = [...role.options].filter(([, { description }]) => description.trim().length < 8);
    expect(silent.map(([name]) => name)).toEqual([]);
  });

  it('proves that it works', () => {
    expect(on('verify').map(({ script }) => script)).not.toEqual([]);
    expect(on('verify').every(({ script }) => script !== null)).toBe(true);
  });

  it('can be taken away', () => {
    expect(on('remove')).toHaveLength(LAYS_NOTHING.includes(role.name) ? 0 : 1);
  });

  it('has a title for each step, and may run each of them a second time', () => {
    expect(steps.filter(({ title }) => title === null).map(({ name }) => name)).toEqual([]);
    expect(steps.filter((step) => !step.repeatable && step.check === null).map(({ name }) => name)).toEqual([]);
  });

  it('names what its scripts ask apt for', () => {
    const asked = steps.filter(({ script }) => script?.includes('install_packages ') === true);
    const named = role.packages.map(({ name }) => name);
    const words = asked.flatMap(({ script }) => /^install_packages (.*)$/m.exec(script ?? '')?.[1]?.split(' ') ?? []);
    expect(words.filter((word) => !named.includes(word))).toEqual([]);
  });
});
