import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { shippedBundle, shippedBundleNames, shippedRoles } from '../../test/support/shipped-bundles.js';
import { compileBundle, compileRemove, compileVerify } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';

const debian = { os: 'debian', release: '12' };

function loaded(name: string) {
  const { bundle, diagnostics } = loadBundle([shippedBundle(name)], shippedRoles());
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  return { bundle, roles: shippedRoles() };
}

const edges = (plan: { steps: { key: string; after: string[] }[] }) =>
  plan.steps.map((step) => `${step.key} <- ${step.after.join(' ')}`.trim());

describe.each(shippedBundleNames())('the shipped bundle %s', (name) => {
  it('loads and compiles without a word', () => {
    const { diagnostics, plan } = compileBundle(loaded(name));
    expect(diagnostics).toEqual([]);
    expect(plan.steps.length).toBeGreaterThan(0);
  });

  it('compiles for Debian 12, which is what the lab gives', () => {
    const { nodes } = compileBundle({ ...loaded(name), options: { availableBases: [debian] } });
    expect(nodes.map((node) => node.base)).toEqual(nodes.map(() => debian));
  });
});

describe('bundles/kubernetes-core', () => {
  it('gives the kubeconfig as an output', () => {
    expect(compileBundle(loaded('kubernetes-core')).outputs).toMatchObject({
      kubeconfig: { step: 'kubernetes-control-plane/0:bootstrap', name: 'kubeconfig' },
    });
  });

  it('can be verified by one of its steps, which then waits for none that was not chosen', () => {
    const overlay = { name: 'o.yaml', text: 'muster: {verify: [kubernetes-smoke]}' };
    const roles = shippedRoles();
    const { bundle } = loadBundle([shippedBundle('kubernetes-core'), overlay], roles);
    if (!bundle) throw new Error('cannot load it');
    const { steps } = compileBundle({ bundle, roles }).plan;
    const keys = new Set(steps.map((step) => step.key));
    expect(keys).toContain('kubernetes-control-plane/0:kubernetes-smoke');
    expect(keys).not.toContain('kubernetes-control-plane/0:nodes-ready');
    const missing = steps.flatMap((step) => step.after).filter((key) => !keys.has(key) && !key.startsWith('node/'));
    expect(missing).toEqual([]);
  });

  it('shows the key of service accounts to no step but those of the control plane', () => {
    const { steps } = compileBundle(loaded('canonical-kubernetes')).plan;
    const told = steps.filter((step) => JSON.stringify(step.input).includes('"name":"service_account_key"'));
    expect(told.map((step) => step.key.replace(/\/\d.*/, ''))).toContain('kubernetes-control-plane');
    expect(new Set(told.map((step) => step.key.replace(/\/\d.*/, '')))).toEqual(new Set(['kubernetes-control-plane']));
    expect(JSON.stringify(steps.map((step) => step.input.environment))).not.toContain('service_account_key');
  });
});

describe('bundles/kubernetes-core with another CNI', () => {
  /** As an operator says it, and with `charm:` and `flannel:etcd` as published bundles do. */
  const overlay = {
    name: 'flannel.yaml',
    text: `
applications: {fan-cni: null, flannel: {charm: flannel, options: {backend: host-gw}}}
relations:
  - [flannel:etcd, etcd:db]
  - [flannel:cni, kubernetes-control-plane:cni]
  - [flannel:cni, kubernetes-worker:cni]
`,
  };
  const roles = shippedRoles();
  const { bundle, diagnostics } = loadBundle([shippedBundle('kubernetes-core'), overlay], roles);

  it('has flannel on every node, and none of its values missing', () => {
    if (!bundle) throw new Error(formatDiagnostics(diagnostics));
    const compiled = compileBundle({ bundle, roles });
    expect([...diagnostics, ...compiled.diagnostics]).toEqual([]);
    expect(compiled.units.filter(({ name }) => name.startsWith('flannel/')).map(({ node }) => node)).toEqual([
      '0',
      '1',
    ]);
    const step = (key: string) => compiled.plan.steps.find((each) => each.key === key);
    expect(step('kubernetes-control-plane/0:configure')?.input.environment).toMatchObject({
      REL_CNI_0_POD_CIDR: { $output: { step: 'flannel/0:configure', name: 'pod_cidr' } },
      REL_CNI_0_NODE_CIDR_BITS: { $output: { step: 'flannel/0:configure', name: 'node_cidr_bits' } },
    });
    expect(step('kubernetes-control-plane/0:bootstrap')?.input.environment).toHaveProperty('REL_CNI_0_NODE_CIDR_BITS');
    expect(step('flannel/1:configure')?.input.environment).toMatchObject({ OPT_BACKEND: 'host-gw' });
  });

  it('does not wait for etcd, which flannel does not use', () => {
    if (!bundle) throw new Error(formatDiagnostics(diagnostics));
    const { plan } = compileBundle({ bundle, roles });
    const configure = plan.steps.find((each) => each.key === 'flannel/1:configure');
    expect(configure?.after).toEqual(['node/1:ready', 'flannel/1:install']);
  });
});

it('the shape of the published canonical-kubernetes, with charm: flannel, is placed with the roles that are shipped', () => {
  const folder = join(import.meta.dirname, '../../test/fixtures/bundles');
  const layers = ['canonical-kubernetes/bundle.yaml', 'canonical-kubernetes-smaller/overlay-1-flannel.yaml'];
  const files = layers.map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }));
  const roles = shippedRoles();
  const { bundle, diagnostics } = loadBundle(files, roles);
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  const { units } = compileBundle({ bundle, roles });
  expect(units.filter(({ name }) => name.startsWith('flannel/')).map(({ principal }) => principal)).toEqual([
    'kubernetes-control-plane/0',
    'kubernetes-control-plane/1',
    'kubernetes-worker/0',
    'kubernetes-worker/1',
    'kubernetes-worker/2',
  ]);
});

describe('bundles/lxd-fan', () => {
  it('lays LXD and a fan on two machines, and verifies from container to container', () => {
    const { nodes, units, plan } = compileBundle(loaded('lxd-fan'));
    expect(nodes.map((node) => node.key)).toEqual(['lxd-0', 'lxd-1']);
    expect(units.map((unit) => `${unit.name} on ${unit.node}`)).toEqual([
      'lxd/0 on lxd-0',
      'lxd/1 on lxd-1',
      'fan/0 on lxd-0',
      'fan/1 on lxd-1',
    ]);
    expect(edges(plan)).toEqual([
      'lxd/0:install <- node/lxd-0:ready',
      'lxd/0:configure <- node/lxd-0:ready lxd/0:install fan/0:configure',
      'lxd/0:probe <- node/lxd-0:ready lxd/0:configure fan/0:configure',
      'lxd/1:install <- node/lxd-1:ready',
      'lxd/1:configure <- node/lxd-1:ready lxd/1:install fan/1:configure',
      'lxd/1:probe <- node/lxd-1:ready lxd/1:configure fan/1:configure',
      'fan/0:install <- node/lxd-0:ready',
      'fan/0:configure <- node/lxd-0:ready fan/0:install node/lxd-1:ready',
      'fan/1:install <- node/lxd-1:ready',
      'fan/1:configure <- node/lxd-1:ready fan/1:install node/lxd-0:ready',
      'lxd/0:across <- node/lxd-0:ready node/lxd-1:ready lxd/1:probe lxd/0:probe',
      'lxd/1:across <- node/lxd-1:ready node/lxd-0:ready lxd/0:probe lxd/1:probe',
      'fan/0:reach <- node/lxd-0:ready node/lxd-1:ready lxd/0:probe lxd/1:probe',
      'fan/1:reach <- node/lxd-1:ready node/lxd-0:ready lxd/0:probe lxd/1:probe',
    ]);
  });

  it('tells LXD the bridge that the fan on its own node made', () => {
    const { plan } = compileBundle(loaded('lxd-fan'));
    const configure = plan.steps.find((step) => step.key === 'lxd/1:configure');
    expect(configure?.input.environment).toMatchObject({
      OPT_STORAGE: 'dir',
      ADDRESS: { $output: { step: 'node/lxd-1:ready', name: 'address' } },
      REL_FAN_UNITS: '1',
      REL_FAN_0_UNIT: 'fan/1',
      REL_FAN_0_BRIDGE: { $output: { step: 'fan/1:configure', name: 'bridge' } },
    });
  });

  const known = {
    nodes: {
      'lxd-0': { nodeId: 'a', address: '10.99.0.11' },
      'lxd-1': { nodeId: 'b', address: '10.99.0.12' },
    },
    published: { 'lxd/1': { container_address: '250.12.0.9', payload_sha256: 'abc' } },
  };

  it('can be verified again on its own, from what is known', () => {
    const { plan } = compileVerify({ ...loaded('lxd-fan'), known });
    expect(edges(plan)).toEqual(['lxd/0:across <-', 'lxd/1:across <-', 'fan/0:reach <-', 'fan/1:reach <-']);
    expect(plan.steps[0]?.input.environment).toMatchObject({
      REL_CLUSTER_0_ADDRESS: '10.99.0.12',
      REL_CLUSTER_0_CONTAINER_ADDRESS: '250.12.0.9',
    });
  });

  it('is removed in the order opposite to its laying down', () => {
    const { plan } = compileRemove({ ...loaded('lxd-fan'), known });
    expect(edges(plan)).toEqual([
      'lxd/0:remove <-',
      'lxd/1:remove <-',
      'fan/0:remove <- lxd/0:remove',
      'fan/1:remove <- lxd/1:remove',
    ]);
  });
});
