import { expect, it } from 'vitest';
import type { PlannedStep } from '../api/contract/index.js';
import { planTree } from './plan-tree.js';

const step = (key: string, node: string | null, more: Partial<PlannedStep> = {}): PlannedStep => ({
  ...{
    key,
    kind: 'node.script',
    title: key,
    lane: node === null ? null : `node/${node}`,
    after: [],
    destructive: false,
  },
  ...more,
});

it('a plan is a tree of nodes, containers, units and steps, with what is made, changed, taken away and wiped', () => {
  const steps = [
    step('node/0:ready', '0', { kind: 'deployment.known-node', title: 'node 0 is there (n7)' }),
    step('node/etcd-1:write', 'etcd-1', {
      kind: 'machine.order',
      title: 'write Debian to the disk',
      destructive: true,
    }),
    step('node/0/lxd/ca-0:create', '0/lxd/ca-0', { kind: 'lxd.create', title: 'create the container' }),
    step('etcd/0:install', '0', { title: 'etcd/0: install' }),
    step('etcd/1:install', 'etcd-1', { title: 'etcd/1: install\u001b[2J' }),
    step('etcd/1:configure', 'etcd-1', { title: 'etcd/1: configure' }),
    step('ca/0:install', '0/lxd/ca-0', { title: 'ca/0: install' }),
    step('deployment:laid-down', null, { kind: 'deployment.laid-down', title: 'everything is laid down' }),
    step('node/9:release', '9', { kind: 'machine.release', title: 'release n9', destructive: true }),
    step('node/9:forget', '9', { kind: 'deployment.forget-node', title: 'forget node 9 (n9)' }),
  ];
  const changes = ['deploy debian@12 to node etcd-1: n3', 'give back node 9 (n9)'];
  expect(planTree(steps, changes, false).join('\n')).toBe(`├─ = node 0
│  ├─ = node 0 is there (n7)
│  ├─ + node 0/lxd/ca-0
│  │  ├─ + create the container
│  │  └─ + ca/0
│  │     └─ + install
│  └─ ~ etcd/0
│     └─ + install
├─ + node etcd-1: deploy debian@12 to node etcd-1: n3
│  ├─ ! write Debian to the disk
│  └─ + etcd/1
│     ├─ + install\uFFFD[2J
│     └─ + configure
├─ + everything is laid down
└─ - node 9: give back node 9 (n9)
   ├─ ! release n9
   └─ - forget node 9 (n9)`);
});
