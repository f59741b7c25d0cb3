import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROLES = join(import.meta.dirname, '../../bundles/roles');

/** A role is a folder that stands alone. What several need is copied from one of them, and changed there. */
const COPIES: Record<string, string[]> = {
  'easyrsa/certificates.sh': ['etcd', 'kubernetes-control-plane', 'kubernetes-worker'],
  'fan/fan': ['fan-cni'],
  'fan/fan.bpf.base64': ['fan-cni'],
  'fan/muster-fan.service': ['fan-cni'],
  'fan/reach.sh': ['fan-cni'],
  'kubernetes-control-plane/kubernetes.sh': ['kubernetes-worker', 'kubeapi-load-balancer', 'coredns'],
  'kubernetes-control-plane/kubernetes-versions.tsv': ['kubernetes-worker'],
  'kubernetes-control-plane/node.sh': ['kubernetes-worker'],
  'kubernetes-control-plane/render.sh': ['kubernetes-worker'],
};

const pairs = Object.entries(COPIES).flatMap(([from, roles]) =>
  roles.map((role): [string, string] => [`${role}/${from.slice(from.indexOf('/') + 1)}`, from]),
);

it.each(pairs)('bundles/roles/%s is a copy of %s', (copy, from) => {
  expect(readFileSync(join(ROLES, copy), 'utf8')).toBe(readFileSync(join(ROLES, from), 'utf8'));
});
