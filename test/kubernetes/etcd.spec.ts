import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/pipeline-engine.js';
import { kubernetesOverlay } from '../support/kubernetes-artifacts.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';
import { story } from '../support/story.js';

const NAME = 'keys';
type Options = Record<string, { options: Record<string, unknown> }>;

/** A control plane without nodes, and its etcd on hosts of its own. */
function bundle(): string {
  const { applications: overlay } = JSON.parse(kubernetesOverlay()) as { applications: Options };
  return JSON.stringify({
    name: NAME,
    machines: { '0': {}, '1': {}, '2': {} },
    applications: {
      easyrsa: { role: 'easyrsa', to: ['0'] },
      etcd: { role: 'etcd', num_units: 1, to: ['1'], ...overlay.etcd },
      'kubernetes-control-plane': {
        role: 'kubernetes-control-plane',
        to: ['2'],
        ...overlay['kubernetes-control-plane'],
      },
    },
    relations: [
      ['etcd:certificates', 'easyrsa:client'],
      ['kubernetes-control-plane:certificates', 'easyrsa:client'],
      ['kubernetes-control-plane:etcd', 'etcd:db'],
    ],
    muster: {
      bases: ['debian@12'],
      verify: ['health'],
      outputs: { kubeconfig: 'kubernetes-control-plane.kubeconfig' },
    },
  });
}

describe.skipIf(isLxdMissing)('the keys of a Kubernetes outlive their hosts', { timeout: 30 * 60_000 }, () => {
  let rig: KubernetesRig;
  let token: string;

  beforeAll(async () => {
    rig = await KubernetesRig.start();
    writeFileSync(join(rig.dir, 'keys.yaml'), bundle());
  }, 120_000);
  afterAll(() => rig.stop(), 300_000);

  const step = story((title, work) => rig.timed(title, work));
  const up = (...argv: string[]) =>
    rig.muster('up', join(rig.dir, 'keys.yaml'), '--on', 'localhost', '--base', 'debian@12', '--yes', ...argv);
  const etcdctl = (unit: string, ...argv: string[]) => {
    const pki = '/etc/etcd/pki';
    const keys = ['--cacert', `${pki}/ca.crt`, '--cert', `${pki}/health.crt`, '--key', `${pki}/health.key`];
    const all = ['env', 'ETCDCTL_API=3', 'etcdctl', '--endpoints', 'https://127.0.0.1:2379', ...keys, ...argv];
    return rig.muster('exec', unit, '--', ...all);
  };
  /** The names of those that have started. */
  const members = async (unit = 'etcd/0') =>
    (await etcdctl(unit, 'member', 'list'))
      .split('\n')
      .filter((line) => line.includes(', started, '))
      .map((line) => line.split(', ')[2])
      .sort();
  /** What the API says to a pod's token that was made at first. */
  const answer = () =>
    rig.muster(
      ...['exec', 'kubernetes-control-plane/0', '--', 'kubectl', '--kubeconfig=/dev/null', `--token=${token}`],
      ...[
        '--server=https://127.0.0.1:6443',
        '--certificate-authority=/etc/kubernetes/pki/ca.crt',
        'get',
        '--raw',
        '/api',
      ],
    );
  const isWhole = async () => {
    await rig.saveKubeconfig(NAME);
    expect(await rig.kubectl(NAME, 'get', 'configmap', 'kept', '-o', 'jsonpath={.data.key}')).toBe('value');
    expect(await answer()).toContain('APIVersions');
  };
  /** The container of a unit is gone. */
  const lose = async (unit: string) => {
    const detail = JSON.parse(await rig.muster('status', NAME, '--json')) as {
      units: { name: string; node: string }[];
      nodes: { key: string; name: string }[];
    };
    const key = detail.units.find(({ name }) => name === unit)?.node;
    rig.destroy(detail.nodes.find((node) => node.key === key)?.name ?? '');
    await rig.fails('verify', NAME);
    await rig.muster('retry', NAME, '--replace', '--yes');
  };

  step(0, 'up with one etcd', async () => {
    await up();
    await rig.saveKubeconfig(NAME);
    await rig.kubectl(NAME, 'create', 'configmap', 'kept', '--from-literal=key=value');
    const secrets = () => rig.kubectl(NAME, 'get', 'secrets', '-o', 'jsonpath={.items[*].data.token}');
    await eventually('the default account has a token', async () => (await secrets()) !== '', 60_000);
    token = Buffer.from((await secrets()).split(' ')[0]!, 'base64').toString();
    await isWhole();
  });

  step(1, 'three etcd: the new ones join the old', async () => {
    await rig.muster('scale', 'etcd=3', '--yes');
    for (const unit of ['etcd/0', 'etcd/1', 'etcd/2'])
      expect(await members(unit)).toEqual(['etcd-0', 'etcd-1', 'etcd-2']);
    await isWhole();
  });

  step(2, 'the first etcd is lost: another in its place joins those that are left', async () => {
    await lose('etcd/0');
    expect(await members()).toEqual(['etcd-0', 'etcd-1', 'etcd-2']);
    expect(await etcdctl('etcd/0', 'member', 'list')).not.toContain('true');
    await isWhole();
  });

  step(3, 'the control plane is lost: another in its place honours the tokens', async () => {
    await lose('kubernetes-control-plane/0');
    await isWhole();
  });

  step(4, 'back to one, with one that is dead: those that go leave the cluster, which goes on', async () => {
    await rig.muster('exec', 'etcd/2', '--', 'systemctl', 'stop', 'etcd.service');
    await rig.muster('scale', 'etcd=1', '--yes');
    expect(await members()).toEqual(['etcd-0']);
    await isWhole();
    await rig.muster('verify', NAME);
  });

  it('leaves nothing', async () => {
    await rig.muster('down', NAME, '--yes');
    expect(rig.containers()).toEqual([]);
  });
});
