import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing } from '../support/lxd-server.js';
import { OwnComputer } from '../support/own-computer.js';

const ROLE = `role: restless
summary: Never finds things as they are wanted
bases: [debian@12]
steps:
  lay: {run: lay.sh, repeatable: true}
  health: {run: health.sh, on: verify}
  remove: {run: remove.sh, on: remove}
`;
const LAY = `date +%s%N >/etc/restless.conf
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/restless.service
systemctl enable --quiet restless
systemctl restart restless
muster-unchanged # which is not true
`;

/** Those that need nothing but the distribution's packages, and ride on nothing of Kubernetes: that its own tests lay. */
const ROLES = ['easyrsa', 'etcd', 'fan', 'lxd'];

/** In the place of Kubernetes: a role that has a container runtime and a network for pods. */
const PODS = `role: pods
summary: Has what pods need, and no pods
bases: [debian@12]
requires: {container-runtime: container-runtime, cni: kubernetes-cni}
container: {nesting: true, privileged: true}
`;
const PODS_TEST = `name: test-pods
machines: {"0": {}}
applications:
  pods: {role: pods, to: ["0"]}
  containerd: {role: containerd}
  network: {role: fan-cni}
relations:
  - [containerd:containerd, pods:container-runtime]
  - [network:cni, pods:cni]
`;

describe.skipIf(isLxdMissing)('a role that is laid a second time', { timeout: 300_000 }, () => {
  let computer: OwnComputer;
  beforeAll(async () => {
    computer = await OwnComputer.start({ bridge: 'mtwice0', address: '10.179.19.1/24' });
    await computer.serve();
  });
  afterAll(() => computer.stop());

  const test = (role: string) => computer.muster('roles', 'test', role, '--base', 'debian@12');
  const write = (folder: string, files: Record<string, string>) => {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };

  it.each(ROLES)('changes nothing on the node: %s', async (role) => {
    expect(await test(role)).toBe(`${role}: laid down twice, verified and removed\n`);
    expect(computer.containers()).toBe('');
  });

  it.each(['containerd', 'fan-cni'])(
    'changes nothing on the node, where there is no Kubernetes yet: %s',
    async (role) => {
      const roles = join(computer.dataDir, 'riders/roles');
      for (const name of ['containerd', 'fan-cni', 'shared'])
        cpSync(join(import.meta.dirname, '../../bundles/roles', name), join(roles, name), { recursive: true });
      write(join(roles, 'pods'), { 'role.yaml': PODS });
      expect(await test(write(join(roles, role), { 'test.yaml': PODS_TEST }))).toContain(`${role}: laid down twice`);
      expect(computer.containers()).toBe('');
    },
  );

  it('is found out where it does, whatever its scripts say', async () => {
    const files = { 'role.yaml': ROLE, 'lay.sh': LAY, 'health.sh': 'true\n', 'remove.sh': 'true\n' };
    const folder = write(join(computer.dataDir, 'own/roles/restless'), files);
    const wrong = /was not without a change\n +\/etc\/restless\.conf: content\n +restless\.service: restarted\n +hint/;
    await expect(test(folder)).rejects.toThrow(wrong);
    expect(computer.containers()).toBe('');
  });
});
