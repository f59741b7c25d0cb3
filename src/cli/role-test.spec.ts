import { describe, expect, it } from 'vitest';
import type { DeploymentDetail, RoleDetail, RunDetail } from '../api/contract/index.js';
import { shippedRoles } from '../../test/support/shipped-bundles.js';
import { loadBundle } from '../bundles/index.js';
import { bareBundle, bundleForTest, changedSteps, missingSteps } from './role-test.js';

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
    { name: 'tested/0', role: 'hello' },
    { name: 'host/0', role: 'os' },
  ],
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

  it.each(['hello', 'lxd', 'docker', 'apt-proxy', 'os'])('loads for the shipped role %s', (name) => {
    const library = shippedRoles();
    const { subordinate } = library.get(name)!;
    const text = bundleForTest({ ...role, name, subordinate }, {});
    expect(loadBundle([{ name: 'bundle.yaml', text }], library).diagnostics).toEqual([]);
    const bare = { name: 'bundle.yaml', text: bareBundle(name, ['0', '1']) };
    expect(loadBundle([bare], library).diagnostics).toEqual([]);
  });
});

describe('the second time', () => {
  it('may not change anything: who does not say so has changed something', () => {
    const all = run(
      ['tested/0:install', 'unchanged: the check says so'],
      ['tested/0:configure', 'unchanged: as it is'],
    );
    expect(changedSteps(role, deployment, all)).toEqual([]);
    const silent = run(['tested/0:install', 'unchanged: the check says so'], ['tested/0:configure', null]);
    expect(changedSteps(role, deployment, silent)).toEqual(['tested/0:configure']);
    expect(changedSteps(role, deployment, run())).toEqual(['tested/0:install', 'tested/0:configure']);
  });
});

it('a removal that was not run is told', () => {
  expect(missingSteps(role, deployment, run(['remove/tested/0:remove', null]), 'remove')).toEqual([]);
  expect(missingSteps(role, deployment, run(), 'remove')).toEqual(['tested/0:remove']);
});
