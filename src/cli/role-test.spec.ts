import { describe, expect, it } from 'vitest';
import type { DeploymentDetail, RoleDetail, RunDetail, RunOutput } from '../api/contract/index.js';
import { shippedRoles } from '../../test/support/shipped-bundles.js';
import { shippedRole } from '../../test/support/shipped-role.js';
import { loadBundle } from '../bundles/index.js';
import {
  bareBundle,
  bundleForTest,
  lookerOverlay,
  machinesOf,
  missingSteps,
  seenChanges,
  silentSteps,
} from './role-test.js';

const role: RoleDetail = {
  name: 'hello',
  summary: 'greets',
  subordinate: false,
  bases: ['debian@12'],
  options: [
    { name: 'port', type: 'int', default: 8080, choices: [], secret: false, description: 'a port' },
    { name: 'greeting', type: 'string', default: 'Hello', choices: [], secret: false, description: 'a text' },
  ],
  requires: [],
  provides: [],
  peers: [],
  steps: [
    { name: 'install', title: null, on: 'apply' },
    { name: 'configure', title: null, on: 'apply' },
    { name: 'greet', title: null, on: 'verify' },
    { name: 'remove', title: null, on: 'remove' },
  ],
  actions: [],
  test: null,
};
const rider: RoleDetail = {
  ...role,
  name: 'ntp',
  subordinate: true,
  requires: [{ name: 'on', interface: 'juju-info' }],
};

const deployment = {
  units: [
    { name: 'tested/0', role: 'hello', node: '0' },
    { name: 'looker/0', role: 'os', node: '0' },
    { name: 'looker/1', role: 'os', node: '1' },
  ],
  nodes: [{ key: '1' }, { key: '0' }, { key: '0/lxd/inside-0' }],
} as DeploymentDetail;
const run = (...notes: [string, string | null][]) =>
  ({ steps: notes.map(([key, note]) => ({ key, note })) }) as unknown as RunDetail;

describe('the bundle in which a role is tested', () => {
  it('is one unit on one machine, with the options that were given, by their types', () => {
    expect(JSON.parse(bundleForTest(role, { port: '8081', greeting: '12' }))).toEqual({
      name: 'test-hello',
      machines: { '0': {} },
      applications: { tested: { role: 'hello', options: { port: 8081, greeting: '12' }, to: ['0'] } },
      muster: { bases: ['debian@12'] },
      relations: [],
    });
  });

  it('has something to ride on where the role rides', () => {
    expect(JSON.parse(bundleForTest(rider, {}))).toMatchObject({
      applications: { host: { role: 'os', to: ['0'] }, tested: { role: 'ntp', options: {} } },
      relations: [['tested:on', 'host:juju-info']],
    });
  });

  it("is the role's own where it has one", () => {
    expect(bundleForTest({ ...role, test: 'name: own' }, {})).toBe('name: own');
  });

  /** They ride on Kubernetes alone. */
  const otherwise = ['containerd', 'coredns', 'fan-cni', 'flannel'];
  const alone = [...shippedRoles().keys()].filter((name) => !otherwise.includes(name));

  it.each(alone)('loads for the shipped role %s, with one who looks at its nodes', (name) => {
    const layers = [bundleForTest(shippedRole(name), {}), lookerOverlay(['0'])];
    const files = layers.map((text, index) => ({ name: `${index}.yaml`, text }));
    const { bundle, diagnostics } = loadBundle(files, shippedRoles());
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(bundle!.applications.get('looker')?.role.value).toBe('os');
  });

  it('is taken away by one with the same machines', () => {
    const bare = { name: 'bundle.yaml', text: bareBundle('hello', machinesOf(deployment)) };
    expect(loadBundle([bare], shippedRoles()).diagnostics).toEqual([]);
    expect(machinesOf(deployment)).toEqual(['0', '1']);
  });
});

describe('the second time', () => {
  const seen = (...changes: [string, unknown][]) => {
    const outputs = changes.map(([unit, value]) => ({ step: `action/${unit}:changes`, name: 'changes', value }));
    return seenChanges(outputs as RunOutput[], deployment);
  };

  it('changed what those who look at the nodes tell', () => {
    expect(seen(['looker/0', ''])).toEqual([]);
    expect(seen(['looker/0', '/etc/x: content\nx.service: restarted'])).toEqual([
      '/etc/x: content',
      'x.service: restarted',
    ]);
    expect(seen(['looker/0', ''], ['looker/1', '/etc/x: new'])).toEqual(['node 1: /etc/x: new']);
  });

  it('was without a word of steps that did not say so', () => {
    const all = run(
      ['tested/0:install', 'unchanged: the check says so'],
      ['tested/0:configure', 'unchanged: as it is'],
    );
    expect(silentSteps(role, deployment, all)).toEqual([]);
    const silent = run(['tested/0:install', 'unchanged: the check says so'], ['tested/0:configure', null]);
    expect(silentSteps(role, deployment, silent)).toEqual(['tested/0:configure']);
    expect(silentSteps(role, deployment, run())).toEqual(['tested/0:install', 'tested/0:configure']);
  });
});

it('a removal that was not run is told', () => {
  expect(missingSteps(role, deployment, run(['remove/tested/0:remove', null]), 'remove')).toEqual([]);
  expect(missingSteps(role, deployment, run(), 'remove')).toEqual(['tested/0:remove']);
});
