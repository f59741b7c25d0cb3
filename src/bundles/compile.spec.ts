import { describe, expect, it } from 'vitest';
import { compileBundle, type CompileInput } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { effectiveInput } from './effective-input.js';
import { loadBundle } from './load-bundle.js';
import { exampleRoles } from './testing/example-roles.js';

function input(text: string): CompileInput {
  const roles = exampleRoles();
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text }], roles);
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  return { bundle, roles };
}

const afterOf = (text: string, key: string) =>
  compileBundle(input(text)).plan.steps.find((step) => step.key === key)?.after;

const cluster = `machines:
  "0": {constraints: cores=2 mem=4G}
  "1": {}
  "2": {}
applications:
  easyrsa: {role: easyrsa, num_units: 1, to: [lxd:0]}
  etcd: {role: etcd, num_units: 3, to: ["0", "1", "2"], options: {port: 4001}}
  log: {role: logger}
relations:
  - [etcd:certificates, easyrsa:client]
  - [log, etcd:juju-info]
`;

describe('placement', () => {
  it('puts units on machines, in containers and beside one another', () => {
    const { nodes, units } = compileBundle(input(cluster));
    expect(nodes.map(({ key, name, placement }) => ({ key, name, placement }))).toEqual([
      { key: '0', name: 'node-0', placement: { kind: 'machine' } },
      { key: '1', name: 'node-1', placement: { kind: 'machine' } },
      { key: '2', name: 'node-2', placement: { kind: 'machine' } },
      {
        key: '0/lxd/easyrsa-0',
        name: 'node-0-lxd-easyrsa-0',
        placement: { kind: 'container', container: 'lxd', on: '0' },
      },
    ]);
    expect(nodes[0]?.constraints).toEqual({ cores: 2, memMiB: 4096 });
    expect(units.map((unit) => `${unit.name} ${unit.node} ${unit.principal ?? '-'}`)).toEqual([
      'easyrsa/0 0/lxd/easyrsa-0 -',
      'etcd/0 0 -',
      'etcd/1 1 -',
      'etcd/2 2 -',
      'log/0 0 etcd/0',
      'log/1 1 etcd/1',
      'log/2 2 etcd/2',
    ]);
  });

  it('follows other units, and makes new machines where nothing is said', () => {
    const { units } = compileBundle(
      input(`applications:
  a: {role: etcd, num_units: 2}
  b: {role: etcd, num_units: 3, to: [a]}
  c: {role: etcd, num_units: 2, to: ["lxd:b/1", new]}
  d: {role: etcd, to: [c/0]}
`),
    );
    expect(units.map((unit) => `${unit.name} ${unit.node}`)).toEqual([
      'a/0 a-0',
      'a/1 a-1',
      'b/0 a-0',
      'b/1 a-1',
      'b/2 a-1',
      'c/0 a-1/lxd/c-0',
      'c/1 c-1',
      'd/0 a-1/lxd/c-0',
    ]);
  });
});

describe('what a container must allow', () => {
  it('is what the roles on it need, and a node that holds containers allows what those need', () => {
    const { nodes } = compileBundle(
      input(`machines: {"0": {}, "1": {}, "2": {}}
applications:
  easyrsa: {role: easyrsa, to: [lxd:0]}
  other: {role: easyrsa, num_units: 2, to: ["1", "lxd:2"]}
  log: {role: logger}
relations: [[log, other:juju-info]]
`),
    );
    expect(Object.fromEntries(nodes.map(({ key, container }) => [key, container]))).toEqual({
      '0': { nesting: true, privileged: false },
      '1': { nesting: false, privileged: true },
      '2': { nesting: true, privileged: true },
      '0/lxd/easyrsa-0': { nesting: false, privileged: false },
      '2/lxd/other-1': { nesting: false, privileged: true },
    });
  });
});

describe('edges', () => {
  it('let a step wait for its own steps and for what related units publish, and for nothing else', () => {
    expect(afterOf(cluster, 'etcd/1:install')).toEqual(['node/1:ready']);
    expect(afterOf(cluster, 'etcd/1:configure')).toEqual([
      'node/1:ready',
      'etcd/1:identify',
      'node/0/lxd/easyrsa-0:ready',
      'easyrsa/0:issue',
      'node/0:ready',
      'etcd/0:identify',
      'node/2:ready',
      'etcd/2:identify',
    ]);
  });

  it('run a leader step on unit 0 alone, and every unit waits for it', () => {
    const keys = compileBundle(input(cluster)).plan.steps.map((step) => step.key);
    expect(keys.filter((key) => key.endsWith(':bootstrap'))).toEqual(['etcd/0:bootstrap']);
    expect(afterOf(cluster, 'etcd/2:ready')).toContain('etcd/0:bootstrap');
  });

  it('run a serial step one unit at a time', () => {
    expect(afterOf(cluster, 'etcd/0:rolling')).not.toContain('etcd/1:rolling');
    expect(afterOf(cluster, 'etcd/2:rolling')).toContain('etcd/1:rolling');
  });

  it('put verify steps behind the last steps of everything', () => {
    expect(afterOf(cluster, 'etcd/0:health')).toEqual([
      'node/0:ready',
      'etcd/1:configure',
      'etcd/2:configure',
      'etcd/2:rolling',
      'log/0:install',
      'log/1:install',
      'log/2:install',
    ]);
  });

  it('never lead in a circle, and never to a step that is not there', () => {
    const { plan } = compileBundle(input(cluster));
    const keys = new Set(plan.steps.map((step) => step.key));
    const missing = plan.steps
      .flatMap((step) => step.after)
      .filter((key) => !keys.has(key) && !/^node\/.*:ready$/.test(key));
    expect(missing).toEqual([]);
    expect(keys.size).toBe(plan.steps.length);
  });
});

describe('the input of a step', () => {
  it('gives options, addresses and published values as data, never as shell text', () => {
    const step = compileBundle(input(cluster)).plan.steps.find(({ key }) => key === 'etcd/1:configure');
    expect(step?.input.script).toBe('#!/bin/sh\ntrue\n');
    expect(step?.input.environment).toMatchObject({
      UNIT: 'etcd/1',
      LEADER: 'false',
      OPT_PORT: '4001',
      OPT_CHANNEL: '1.30',
      OPT_NOTE: '',
      REL_CERTIFICATES_0_CA: { $output: { step: 'easyrsa/0:issue', name: 'ca' } },
      REL_CLUSTER_UNITS: '2',
      REL_CLUSTER_1_ADDRESS: { $output: { step: 'node/2:ready', name: 'address' } },
    });
    expect(step?.input.input).toMatchObject({
      unit: 'etcd/1',
      node: { key: '1', address: { $output: { step: 'node/1:ready', name: 'address' } } },
      relations: { certificates: { units: [{ unit: 'easyrsa/0', node: '0/lxd/easyrsa-0' }] } },
    });
  });

  it('names the variables whose values are secret, which is no reason to run it again', () => {
    const role = `role: x
summary: Has a password
bases: [debian@12]
options: {pass-word: {type: string, secret: true, description: What opens it}, name: {type: string, description: Whose}}
steps: {install: {run: install.sh}}
`;
    const files = [
      { name: 'bundle.yaml', text: 'applications: {x: {role: x, options: {pass-word: sesame}}}\n' },
      { name: 'roles/x/role.yaml', text: role, attached: true as const },
      { name: 'roles/x/install.sh', text: '#!/bin/sh\n', attached: true as const },
    ];
    const { bundle, roles } = loadBundle(files, new Map());
    const step = bundle && compileBundle({ bundle, roles }).plan.steps.find(({ key }) => key === 'x/0:install');
    expect(step?.input.secretVariables).toEqual(['OPT_PASS_WORD']);
    expect(effectiveInput(step?.input ?? {})).not.toHaveProperty('secretVariables');
  });

  it('waits for a port by a fixed script, with the port in the environment', () => {
    const step = compileBundle(input(cluster)).plan.steps.find(({ key }) => key === 'etcd/0:ready');
    expect(step?.input.environment).toMatchObject({ WAIT_TCP_PORT: '4001' });
    expect(step).toMatchObject({ timeoutSeconds: 300, lane: 'node/0', repeatable: true });
  });
});

describe('bases', () => {
  const simple = 'default-base: ubuntu@22.04/stable\napplications:\n  etcd: {role: etcd}\n';

  it('are refused where a role does not support them, with those that it does', () => {
    const { diagnostics } = compileBundle(input(simple));
    expect(formatDiagnostics(diagnostics)).toBe(
      [
        'bundle.yaml:3:3  role "etcd" does not support ubuntu@22.04',
        '  3 |   etcd: {role: etcd}',
        '    |   ^^^^ it supports ubuntu@24.04, debian@12',
      ].join('\n'),
    );
  });

  it('are tried in the order of muster.bases, among those that the cloud can give', () => {
    const text = `${simple}muster: {bases: [ubuntu@22.04, ubuntu@24.04, debian@12]}\n`;
    const base = (options: CompileInput['options']) => compileBundle({ ...input(text), options }).nodes[0]?.base;
    expect(base({})).toEqual({ os: 'ubuntu', release: '24.04' });
    expect(base({ availableBases: [{ os: 'debian', release: '12' }] })).toEqual({ os: 'debian', release: '12' });
    expect(base({ base: { os: 'debian', release: '12' } })).toEqual({ os: 'debian', release: '12' });
  });

  it('of a node that stands stays where it is among those that are wanted, also where the cloud gives it no more', () => {
    const [noble, bookworm] = [
      { os: 'ubuntu', release: '24.04' },
      { os: 'debian', release: '12' },
    ];
    const base = (bases: string, standing = new Map([['etcd-0', bookworm]])) => {
      const text = `applications: {etcd: {role: etcd}}\nmuster: {bases: [${bases}]}\n`;
      return compileBundle({ ...input(text), options: { availableBases: [noble], standing } }).nodes[0]?.base;
    };
    expect(base('ubuntu@24.04, debian@12')).toEqual(bookworm);
    expect(base('debian@12')).toEqual(bookworm);
    expect(base('ubuntu@24.04')).toEqual(noble);
    // One that the role does not take stays for no one.
    expect(base('ubuntu@22.04, ubuntu@24.04', new Map([['etcd-0', { os: 'ubuntu', release: '22.04' }]]))).toEqual(
      noble,
    );
  });
});

it('gives an equal plan for equal input, byte for byte', () => {
  const once = JSON.stringify(compileBundle(input(cluster)));
  const again = JSON.stringify(compileBundle(input(cluster)));
  expect(again).toBe(once);
});
