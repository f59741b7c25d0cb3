import { describe, expect, it } from 'vitest';
import type { CloudProvider, NodeRequest } from '../clouds/index.js';
import { MetalProvider } from '../clouds/metal/metal.provider.js';
import type { ImagesService } from '../images/index.js';
import type { ClaimsService } from '../machines/index.js';
import type { SubnetService } from '../networks/index.js';
import { checkPlan, step } from '../plan/index.js';
import { ContainerProvider } from './containers/container-provider.js';
import type { ContainerScripts } from './containers/container-steps.js';
import {
  deploymentPlan,
  destroyedWith,
  hashOfPlan,
  leaving,
  refuseLosingMoved,
  withoutClones,
} from './deployment-plan.js';
import type { Node } from './node.entity.js';
import { teardownPlan } from './teardown-plan.js';

const provider: CloudProvider = {
  kind: 'metal',
  bases: () => Promise.resolve([]),
  preview: () => Promise.resolve([]),
  planNode: ({ key }) => ({
    steps: [step({ key: `node/${key}:make`, kind: 'fake.make', title: `make ${key}` })],
    lastStep: `node/${key}:make`,
    registration: { name: `host-${key}`, machineId: null, address: '10.0.0.1', hostKeys: ['ssh-ed25519 AAAA'] },
  }),
  outlives: () => false,
  planRemoval: ({ key }, after) => [
    step({ key: `node/${key}:release`, kind: 'fake.release', title: `release ${key}`, after }),
  ],
  removalOf: ({ name }) => ({ change: `release ${name}`, destroys: [] }),
  held: () => Promise.resolve([]),
  planAbandonment: ({ key }, after) => [
    step({ key: `node/${key}:abandon`, kind: 'fake.abandon', title: `abandon ${key}`, after }),
  ],
};

const request = (key: string): NodeRequest => ({
  deploymentId: 'd1',
  deploymentName: 'prod',
  key,
  constraints: {},
  base: { os: 'debian', release: '12' },
  container: { nesting: false, privileged: false },
  layout: 'flat',
  authorizedKeys: [],
  hostname: `prod-${key}`,
});
const node = (key: string, more: Partial<Node> = {}) =>
  ({ id: `id-${key}`, key, name: `host-${key}`, machineId: null, ...more }) as Node;
const unitStep = step({ key: 'lxd/0:install', kind: 'node.script', title: 'install', after: ['node/0:ready'] });
const order = (plan: { steps: { key: string; after: string[] }[] }) =>
  plan.steps.map(({ key, after }) => `${key} <- ${after.join(',')}`);

describe('the plan of a deployment', () => {
  it('makes each node, records it, then lays down the units', () => {
    const plan = deploymentPlan({ requests: [request('0')], existing: new Map(), unitSteps: [unitStep], provider });
    expect(order(plan)).toEqual(['node/0:make <- ', 'node/0:ready <- node/0:make', 'lxd/0:install <- node/0:ready']);
  });

  it('does not make a node that is there', () => {
    const existing = new Map([['0', node('0')]]);
    const plan = deploymentPlan({ requests: [request('0')], existing, unitSteps: [unitStep], provider });
    expect(plan.steps.map((each) => each.kind)).toEqual(['deployment.known-node', 'node.script']);
  });

  it('leaves a clone alone as long as the node that it is on stays', () => {
    const clone = node('0/lxd/a.look', { hostNodeId: 'id-0', cloneOf: '0/lxd/a' });
    const nodes = [node('0', { cloneOf: null }), clone];
    expect(withoutClones(nodes, [request('0')]).map(({ key }) => key)).toEqual(['0']);
    expect(withoutClones(nodes, [request('1')]).map(({ key }) => key)).toEqual(['0', '0/lxd/a.look']);
  });

  it('gives no node back that a container was moved to', () => {
    const moved = node('0/lxd/a', { hostNodeId: 'id-1', cloneOf: null });
    const nodes = [node('0'), node('1'), moved];
    const refusal = () => refuseLosingMoved(nodes, [request('0'), request('0/lxd/a')], 'prod');
    expect(refusal).toThrow('cannot give back a node that a container was moved to: 0/lxd/a is on 1');
    expect(() => refuseLosingMoved(nodes, [request('0')], 'prod')).not.toThrow();
    expect(() => refuseLosingMoved(nodes, nodes, 'prod')).not.toThrow();
  });

  it('gives back what is no longer named, after everything else', () => {
    const existing = new Map([
      ['0', node('0')],
      ['1', node('1')],
    ]);
    const plan = deploymentPlan({ requests: [request('0')], existing, unitSteps: [unitStep], provider });
    expect(order(plan).slice(-2)).toEqual(['node/1:release <- lxd/0:install', 'node/1:forget <- node/1:release']);
  });

  it('has the same hash whatever id and key a new deployment happens to get', () => {
    const hash = (id: string, sshPublicKey: string, key: string) => {
      const requests = [{ ...request(key), deploymentId: id, authorizedKeys: [sshPublicKey] }];
      return hashOfPlan(deploymentPlan({ requests, existing: new Map(), unitSteps: [], provider }), {
        id,
        sshPublicKey,
      });
    };
    expect(hash('0000-1111', 'ssh-ed25519 CCCC', '0')).toBe(hash('2222-3333', 'ssh-ed25519 BBBB', '0'));
    expect(hash('0000-1111', 'ssh-ed25519 CCCC', '0')).not.toBe(hash('0000-1111', 'ssh-ed25519 CCCC', '1'));
  });
});

const gone = [leaving(node('0')), leaving(node('1'))];

it('takes all nodes back before the name is free', () => {
  expect(order(teardownPlan({ nodes: gone, provider }))).toEqual([
    'node/0:release <- ',
    'node/0:forget <- node/0:release',
    'node/1:release <- ',
    'node/1:forget <- node/1:release',
    'deployment:remove <- node/0:forget,node/1:forget',
  ]);
});

it('lets a lost node go, and takes back what was never finished', () => {
  const unfinished = { key: '2', name: 'host-2', nodeId: null, machineId: 'm2' };
  expect(order(teardownPlan({ nodes: [...gone, unfinished], provider, lost: new Set(['1']) }))).toEqual([
    'node/0:release <- ',
    'node/0:forget <- node/0:release',
    'node/1:abandon <- ',
    'node/1:forget <- node/1:abandon',
    'node/2:release <- ',
    'deployment:remove <- node/0:forget,node/1:forget,node/2:release',
  ]);
});

describe('containers', () => {
  const scripts: ContainerScripts = { file: (name) => `# ${name}`, defaults: { OPT_ENGINE: 'auto' }, cgroupFiles: [] };
  const withContainers = new ContainerProvider(provider, scripts, 'd1');
  const inside = (key: string, more: Partial<NonNullable<NodeRequest['inside']>> = {}): NodeRequest => ({
    ...request(key),
    inside: { host: '0', hasEngine: false, onFan: false, after: [], ...more },
  });
  const planOf = (...requests: NodeRequest[]) =>
    deploymentPlan({ requests, existing: new Map(), unitSteps: [unitStep], provider: withContainers });

  it('are made on their host, when it is ready and prepared once', () => {
    const steps = order(planOf(request('0'), inside('0/lxd/a-0'), inside('0/lxd/b-0')));
    expect(steps).toEqual([
      'node/0:engine <- node/0:ready',
      'node/0:prepare <- node/0:ready,node/0:engine',
      'node/0:find-debian-12 <- node/0:ready',
      'node/0:image-debian-12 <- node/0:ready,node/0:prepare,node/0:find-debian-12',
      'node/0:make <- ',
      'node/0:ready <- node/0:make',
      'node/0/lxd/a-0:create <- node/0:ready,node/0:image-debian-12',
      'node/0/lxd/a-0:ready <- node/0/lxd/a-0:create',
      'node/0/lxd/b-0:create <- node/0:ready,node/0:image-debian-12',
      'node/0/lxd/b-0:ready <- node/0/lxd/b-0:create',
      'lxd/0:install <- node/0:ready',
    ]);
  });

  it('have no step that is called as one of the machine that they are on', () => {
    const metal = new MetalProvider({} as ClaimsService, {} as ImagesService, {} as SubnetService);
    const onMetal = new ContainerProvider(metal, scripts, 'd1');
    const requests = [request('0'), inside('0/lxd/a-0')];
    const { steps } = deploymentPlan({ requests, existing: new Map(), unitSteps: [], provider: onMetal });
    const keys = steps.map(({ key }) => key);
    expect(keys).toEqual(expect.arrayContaining(['node/0:install', 'node/0:engine']));
    expect(keys).toEqual([...new Set(keys)]);
  });

  it('wait for the units that lay LXD and the fan on their host, where the plan has them', () => {
    const after = ['lxd/0:install', 'fan/0:configure'];
    const steps = order(planOf(request('0'), inside('0/lxd/a-0', { hasEngine: true, onFan: true, after })));
    expect(steps[0]).toBe('node/0:prepare <- node/0:ready,lxd/0:install');
  });

  it('go with a host that is made anew, once the units have left, and are made on it again', () => {
    const nodes = [leaving(node('0')), { ...leaving(node('0/lxd/a-0')), hostNodeId: 'id-0' }];
    const removals = [step({ key: 'remove/lxd/0:forget', kind: 'deployment.forget-unit', title: 'forget it' })];
    const replaced = { nodes, isLost: false };
    const requests = [request('0'), inside('0/lxd/a-0')];
    const parts = { requests, existing: new Map(), unitSteps: [unitStep], removals, replaced };
    const steps = order(deploymentPlan({ ...parts, provider: withContainers }));
    expect(steps.filter((line) => /^node\/0(\/lxd\/a-0)?:(release|delete|forget|make|create) /.test(line))).toEqual([
      'node/0:release <- remove/lxd/0:forget,node/0/lxd/a-0:forget',
      'node/0:forget <- node/0:release',
      'node/0/lxd/a-0:delete <- remove/lxd/0:forget',
      'node/0/lxd/a-0:forget <- node/0/lxd/a-0:delete',
      'node/0:make <- node/0:forget,node/0/lxd/a-0:delete',
      'node/0/lxd/a-0:create <- node/0:ready,node/0:image-debian-12,node/0/lxd/a-0:forget',
    ]);
    const metal = new MetalProvider({} as ClaimsService, {} as ImagesService, {} as SubnetService);
    const machines = { nodes: nodes.map((each) => ({ ...each, machineId: 'm1' })), isLost: false };
    const onMetal = new ContainerProvider(metal, scripts, 'd1');
    const plan = deploymentPlan({ ...parts, replaced: machines, provider: onMetal });
    expect(checkPlan(plan, () => true)).toEqual([]);
  });

  it('leave nothing that the next one would take up, where one is replaced unreached', () => {
    const lxd: CloudProvider = {
      ...provider,
      kind: 'lxd',
      planClearance: ({ key }, after) => [
        step({ key: `node/${key}:delete`, kind: 'fake.delete', title: 'delete it', after, destructive: true }),
      ],
      removalOf: ({ name }) => ({ change: `delete ${name}`, destroys: [name] }),
    };
    const onLxd = new ContainerProvider(lxd, scripts, 'd1');
    const [host, one] = [leaving(node('0')), { ...leaving(node('0/lxd/a-0')), hostNodeId: 'id-0' }];
    const requests = [request('0'), inside('0/lxd/a-0')];
    const gone = (nodes: (typeof host)[], existing = new Map<string, Node>()) => {
      const replaced = { nodes, isLost: true };
      const plan = deploymentPlan({ requests, existing, unitSteps: [], replaced, provider: onLxd });
      const steps = order(plan).filter((line) => /:(delete|forget|make|create) /.test(line));
      return { steps, destroys: destroyedWith(replaced, onLxd) };
    };
    expect(gone([host, one])).toEqual({
      steps: [
        'node/0:delete <- node/0/lxd/a-0:forget',
        'node/0:forget <- node/0:delete',
        'node/0/lxd/a-0:forget <- ',
        'node/0:make <- node/0:forget',
        'node/0/lxd/a-0:create <- node/0:ready,node/0:image-debian-12,node/0/lxd/a-0:forget',
      ],
      destroys: ['host-0'],
    });
    const { steps, destroys } = gone([one], new Map([['0', node('0')]]));
    expect(steps[0]).toBe('node/0/lxd/a-0:delete <- ');
    expect(destroys).toEqual(['container host-0/lxd/a-0 with all that is in it']);
  });

  it('go before their host; where that is lost they are forgotten with it', () => {
    const host = leaving(node('0'));
    const one = { ...leaving(node('0/lxd/a-0')), hostNodeId: 'id-0' };
    expect(order(teardownPlan({ nodes: [host, one], provider: withContainers }))).toEqual([
      'node/0:release <- node/0/lxd/a-0:forget',
      'node/0:forget <- node/0:release',
      'node/0/lxd/a-0:delete <- ',
      'node/0/lxd/a-0:forget <- node/0/lxd/a-0:delete',
      'deployment:remove <- node/0:forget',
    ]);
    expect(order(teardownPlan({ nodes: [host, one], provider: withContainers, lost: new Set(['0']) }))).toEqual([
      'node/0:abandon <- node/0/lxd/a-0:forget',
      'node/0:forget <- node/0:abandon',
      'node/0/lxd/a-0:forget <- ',
      'deployment:remove <- node/0:forget',
    ]);
  });
});
