import { describe, expect, it } from 'vitest';
import { shippedRoles } from '../../../test/support/shipped-bundles.js';
import { checkPlan, step } from '../../plan/index.js';
import { moveSteps, receivingSteps, type ContainerMove } from './container-moves.js';
import { containerScripts } from './container-scripts.js';

const scripts = containerScripts(shippedRoles());
const host = (key: string, hasEngine = false) => ({ key, hasEngine, onFan: false });
const known = (key: string) => step({ key: `node/${key}:ready`, kind: 'deployment.known-node', title: key, input: {} });

function move(name: string, from: string, to: string): ContainerMove {
  return {
    container: {
      ...{ key: `${from}/lxd/${name}`, name: `lab-${name}`, hostNodeId: `id-${from}`, deploymentId: 'd' },
      ...{ address: '10.177.0.7', architecture: 'amd64', hostKeys: ['ssh-ed25519 AAAA'] },
    },
    ...{ from: host(from), to: host(to, to === 'laid') },
  };
}

describe('a container that moves', () => {
  const moves = [move('a', '0', '1'), move('b', '0', '1')];
  const steps = [
    known('0'),
    known('1'),
    ...receivingSteps(moves, scripts),
    ...moves.flatMap((m) => moveSteps(m, scripts)),
  ];
  const after = (key: string) => steps.find((each) => each.key === key)?.after;

  it('is deleted where it was only when it is recorded where it is', () => {
    expect(checkPlan({ steps }, () => true)).toEqual([]);
    expect(steps.map(({ key }) => key)).toEqual([
      ...['node/0:ready', 'node/1:ready', 'node/1:engine', 'node/1:prepare'],
      ...['pack', 'send', 'unpack', 'record', 'leave'].map((what) => `node/0/lxd/a:${what}`),
      ...['pack', 'send', 'unpack', 'record', 'leave'].map((what) => `node/0/lxd/b:${what}`),
    ]);
    expect(after('node/0/lxd/a:leave')).toEqual(['node/0:ready', 'node/0/lxd/a:record']);
    expect(after('node/0/lxd/a:record')).toEqual(['node/0/lxd/a:unpack']);
    expect(after('node/0/lxd/a:unpack')).toEqual(['node/1:ready', 'node/0/lxd/a:send']);
  });

  it('is not stopped before the other host is ready for it', () => {
    expect(after('node/0/lxd/a:pack')).toEqual(['node/0:ready', 'node/1:prepare']);
  });

  it('keeps its name and host keys in the record, with the host and address that it has then', () => {
    expect(steps.find(({ key }) => key === 'node/0/lxd/b:record')?.input).toEqual({
      ...{ deploymentId: 'd', key: '0/lxd/b', name: 'lab-b', machineId: null, architecture: 'amd64' },
      hostNodeId: { $output: { step: 'node/1:ready', name: 'nodeId' } },
      address: { $output: { step: 'node/0/lxd/b:unpack', name: 'address' } },
      hostKeys: ['ssh-ed25519 AAAA'],
    });
  });

  it('needs no engine laid where a unit has laid it', () => {
    const keys = receivingSteps([move('a', '0', 'laid')], scripts).map(({ key }) => key);
    expect(keys).toEqual(['node/laid:prepare']);
  });
});
