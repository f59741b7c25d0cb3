import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FLANNEL, kubernetesBundle } from '../support/kubernetes-artifacts.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';

/** Every role of Kubernetes is in it: whatever one of them changes the second time is seen on its node. */
const BALANCED = {
  applications: { 'kubeapi-load-balancer': { role: 'kubeapi-load-balancer', num_units: 1, to: ['1'] } },
  relations: [
    ['kubeapi-load-balancer:certificates', 'easyrsa:client'],
    ['kubernetes-control-plane:loadbalancer-internal', 'kubeapi-load-balancer:lb-consumers'],
  ],
};
const WITH_FLANNEL = {
  applications: { 'fan-cni': null, flannel: { role: 'flannel', options: { version: '0.28.10' } } },
  relations: [
    ['flannel:cni', 'kubernetes-control-plane:cni'],
    ['flannel:cni', 'kubernetes-worker:cni'],
  ],
};

describe.skipIf(isLxdMissing)('Kubernetes that is laid a second time', { timeout: 40 * 60_000 }, () => {
  let rig: KubernetesRig;
  beforeAll(async () => {
    rig = await KubernetesRig.start();
    cpSync(join(import.meta.dirname, '../../bundles/roles'), join(rig.dir, 'roles'), { recursive: true });
  }, 200_000);
  afterAll(() => rig.stop(), 300_000);

  async function test(...overlays: object[]): Promise<void> {
    const role = join(rig.dir, 'roles/kubernetes-control-plane');
    const documents = [kubernetesBundle(), ...overlays.map((overlay) => JSON.stringify(overlay))];
    writeFileSync(join(role, 'test.yaml'), documents.join('\n---\n'));
    const said = await rig.timed('roles test', () => rig.muster('roles', 'test', role, '--base', 'debian@12', '--yes'));
    expect(said).toContain('nothing was seen to change');
    expect(said).toContain('kubernetes-control-plane: laid down twice, verified and removed');
    expect(rig.containers()).toEqual([]);
  }

  it('changes nothing on its nodes, behind a load balancer', () => test(BALANCED));

  it.skipIf(FLANNEL === '')('changes nothing on its nodes, with flannel', () => test(WITH_FLANNEL));
});
