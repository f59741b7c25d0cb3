import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COREDNS, FLANNEL } from '../support/kubernetes-artifacts.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';
import { story } from '../support/story.js';

const NAME = 'kubernetes-core';
const EASYRSA = { easyrsa: { to: ['0'] } };
const WITH_FLANNEL = {
  applications: { ...EASYRSA, 'fan-cni': null, flannel: { role: 'flannel', options: { version: '0.28.10' } } },
  relations: [
    ['flannel:etcd', 'etcd:db'],
    ['flannel:cni', 'kubernetes-control-plane:cni'],
    ['flannel:cni', 'kubernetes-worker:cni'],
  ],
};
/** Whatever of flannel is on a node. */
const TRACES = [
  'ls -d /usr/local/bin/flanneld /etc/kube-flannel /run/flannel /etc/cni/net.d/10-flannel.conflist /var/lib/cni/networks/flannel',
  'ls /etc/systemd/system/flanneld.service /usr/local/lib/muster/flannel-conflist',
  'ip -o link show | grep -oE " (cni0|flannel\\.[0-9]+)"',
  'ip route show root 10.1.0.0/16',
  'iptables-save | grep FLANNEL',
  'pgrep -a flanneld',
].map((command) => `${command} 2>/dev/null`);

/** An add-on as such come: a kind of its own and one of that kind, a namespace, and what runs in it. */
const DEFINITION = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: parrots.muster.test}
spec:
  group: muster.test
  names: {kind: Parrot, plural: parrots}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
apiVersion: muster.test/v1
kind: Parrot
metadata: {name: polly, namespace: add-on}
`;
const SERVED = `
apiVersion: v1
kind: Namespace
metadata: {name: add-on}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: sleeper, namespace: add-on}
spec:
  selector: {matchLabels: {app: sleeper}}
  template:
    metadata: {labels: {app: sleeper}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: sleeper, image: "muster.test/busybox:1", command: [sleep, "1000000"]}]
`;

describe.skipIf(isLxdMissing || FLANNEL === '')('Kubernetes with flannel', { timeout: 30 * 60_000 }, () => {
  let rig: KubernetesRig;

  beforeAll(async () => {
    rig = await KubernetesRig.start();
  }, 120_000);
  afterAll(() => rig.stop(), 300_000);

  const step = story((title, work) => rig.timed(title, work));
  const log = (key: string) => rig.muster('logs', NAME, '--step', key);
  const on = (unit: string, script: string) =>
    rig.muster('exec', `${NAME}:${unit}`, '--', 'sh', '-c', `${script}; true`);
  const units = ['kubernetes-control-plane/0', 'kubernetes-worker/0'];
  const provesPods = async () => {
    const smoke = await log('kubernetes-control-plane/0:kubernetes-smoke');
    expect(smoke).toContain('pods reach every pod at its own address, across nodes');
    expect(smoke).toMatch(/the Service \S+ answers pods of every node/);
    expect(smoke).toMatch(/a rolling restart of all pods: \d+ requests, none failed/);
    if (COREDNS !== '') expect(smoke).toContain('pods find the Service by its name');
  };

  step(0, 'is up with flannel by vxlan, and verified', async () => {
    expect(await rig.up(NAME, WITH_FLANNEL)).toContain(`${NAME} is up`);
    await provesPods();
    expect(await log('flannel/0:health')).toMatch(/is reached at 10\.1\.\d+\.0\/24 by way of \S+ \(vxlan\)/);
    await rig.saveKubeconfig(NAME);
    const parts = await rig.kubectl(NAME, 'get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}');
    expect(parts.split(' ').sort()).toEqual(['10.1.0.0/24', '10.1.1.0/24']);
    for (const unit of units) expect(await on(unit, 'ip -d link show flannel.1')).toContain('vxlan id 1 ');
  });

  step(1, 'a second time changes nothing', async () => {
    expect(await rig.up(NAME, WITH_FLANNEL)).toContain(`${NAME}: nothing to do`);
  });

  step(2, 'the backend changes to host-gw by an option', async () => {
    await rig.muster('set', 'flannel.backend=host-gw', '--yes');
    await provesPods();
    expect(await log('flannel/1:health')).toMatch(/is reached at 10\.1\.\d+\.0\/24 by way of \S+ \(host-gw\)/);
    for (const unit of units) {
      expect(await on(unit, 'ip -o link show type vxlan')).not.toContain('flannel');
      expect(await on(unit, 'ip route show root 10.1.0.0/16')).toMatch(
        /10\.1\.\d\.0\/24 via 10\.179\.\d+\.\d+ dev eth0/,
      );
    }
  });

  const setManifests = async (text: string) => {
    const sum = createHash('sha256').update(text).digest('hex');
    const name = `add-on-${sum.slice(0, 8)}.yaml`;
    writeFileSync(join(rig.dir, 'mirror/images', name), text);
    const options = { manifests: `https://images.muster.test/${name}`, 'manifests-sha256': sum };
    await rig.muster(
      'set',
      ...Object.entries(options).map(([option, value]) => `kubernetes-control-plane.${option}=${value}`),
      '--yes',
    );
  };
  const found = (...what: string[]) => rig.kubectl(NAME, 'get', ...what, '--ignore-not-found', '-o', 'name');

  step(3, 'manifests of an address are applied, and what they bring is there', async () => {
    await setManifests(`${SERVED}---${DEFINITION}`);
    expect(await log('kubernetes-control-plane/0:manifests-ready')).toContain('4 objects of the manifests');
    expect(await found('parrots', 'polly', '-n', 'add-on')).toBe('parrot.muster.test/polly\n');
    const ready = await rig.kubectl(
      NAME,
      'get',
      'ds',
      'sleeper',
      '-n',
      'add-on',
      '-o',
      'jsonpath={.status.numberReady}',
    );
    expect(ready).toBe('1');
  });

  step(4, 'what other manifests do not have goes, and all of it without any', async () => {
    await setManifests(SERVED);
    expect(await found('crd', 'parrots.muster.test')).toBe('');
    expect(await found('ds', 'sleeper', '-n', 'add-on')).toBe('daemonset.apps/sleeper\n');
    await rig.muster(
      'set',
      'kubernetes-control-plane.manifests=',
      'kubernetes-control-plane.manifests-sha256=',
      '--yes',
    );
    await rig.kubectl(NAME, 'wait', '--for=delete', 'namespace/add-on', '--timeout=120s').catch(() => '');
    expect(await found('namespace', 'add-on')).toBe('');
    expect(await found('cm', 'muster-manifests', '-n', 'kube-system')).toBe('');
  });

  step(5, 'flannel goes, another network comes, and nothing of flannel is left', async () => {
    expect(await rig.up(NAME, { applications: EASYRSA })).toContain(`${NAME} is up`);
    await provesPods();
    for (const unit of units) expect((await on(unit, TRACES.join('; '))).trim()).toBe('');
    const nodes = await rig.kubectl(NAME, 'get', 'nodes', '-o', 'jsonpath={.items[*].metadata.annotations}');
    expect(nodes).not.toContain('flannel');
    expect(await rig.kubectl(NAME, 'get', 'clusterrole', 'muster:pod-network', '--ignore-not-found')).toBe('');
  });

  it('leaves nothing', async () => {
    await rig.timed('down', () => rig.muster('down', NAME, '--yes'));
    expect(rig.containers()).toEqual([]);
  });
});
