import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const FILES = [
  'kube-apiserver.service',
  'kube-controller-manager.service',
  'kube-scheduler.service',
  'kubelet.service',
  'kubelet.yaml',
  'kube-proxy.service',
  'kube-proxy.yaml',
];

const SETTINGS = {
  ADDRESS: '10.0.0.5',
  NODE_NAME: 'node-5',
  ETCD_ENDPOINTS: 'https://10.0.0.7:2379,https://10.0.0.8:2379',
  SERVICE_CIDR: '10.152.183.0/24',
  POD_CIDR: '250.0.0.0/8',
  NODE_CIDR_BITS: '',
  API_PORT: '6443',
  LEASE_SECONDS: '15',
  RENEW_SECONDS: '10',
  RETRY_SECONDS: '2',
  GRACE_SECONDS: '40',
  SOCKET: 'unix:///run/containerd/containerd.sock',
  SANDBOX_IMAGE: 'registry.k8s.io/pause:3.9',
  CGROUP_DRIVER: 'systemd',
  IN_CONTAINER: 'false',
  CLUSTER_DNS: '10.152.183.10',
  CLUSTER_DOMAIN: 'cluster.local',
  NODE_LEASE_SECONDS: '40',
  NODE_STATUS_SECONDS: '10',
  MAX_PODS: '110',
  TAINTS: 'node-role.kubernetes.io/control-plane=:NoSchedule,gpu=a100:NoExecute',
  BRIDGE_FILTER: 'true',
};

const FOLDER = join(import.meta.dirname, '../../bundles/roles/shared');
const FIXTURES = join(import.meta.dirname, '../../test/fixtures/kubernetes');

/** All files of a version, each after a line with its name. */
async function rendered(version: string, settings: Partial<typeof SETTINGS> = {}): Promise<string> {
  const script = 'for file; do echo "== $file"; bash render.sh "$file" || exit; done';
  const env = { PATH: process.env.PATH, ...SETTINGS, ...settings, VERSION: version };
  const { stdout } = await promisify(execFile)('bash', ['-c', script, 'render', ...FILES], { cwd: FOLDER, env });
  return stdout;
}

/** The lines that one text has more than the other, each with the file it stands in. */
function difference(before: string, after: string): string[] {
  const linesOf = (text: string) => {
    let file = '';
    return text.split('\n').map((line) => {
      if (line.startsWith('== ')) file = line.slice(3);
      return `${file}: ${line.trim().replace(/ \\$/, '')}`;
    });
  };
  const [old, now] = [linesOf(before), linesOf(after)];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

const expected = (name: string) => readFileSync(join(FIXTURES, name), 'utf8');

/** What changes with each version from the one before it: upstream's changes of flags and files. */
const CHANGES: Record<number, string[]> = {
  21: [],
  22: [],
  23: [
    '- kube-controller-manager.service: --port=0',
    '- kube-scheduler.service: --port=0',
    '- kubelet.service: --register-with-taints=node-role.kubernetes.io/control-plane=:NoSchedule,gpu=a100:NoExecute',
    '+ kubelet.yaml: registerWithTaints: [{key: "node-role.kubernetes.io/control-plane", value: "", effect: "NoSchedule"}, {key: "gpu", value: "a100", effect: "NoExecute"}]',
  ],
  24: ['- kubelet.service: --container-runtime=remote'],
  25: [],
  26: [],
  27: [
    '- kubelet.service: --container-runtime-endpoint=unix:///run/containerd/containerd.sock',
    '+ kubelet.yaml: containerRuntimeEndpoint: unix:///run/containerd/containerd.sock',
  ],
  28: [],
  29: [],
  30: [],
  31: [],
  32: [],
  33: [],
  34: [],
};

describe('the files of a node of Kubernetes', { timeout: 60_000 }, () => {
  it.each([20, 34])('are those of 1.%i, written out', async (minor) => {
    expect(await rendered(`1.${minor}.2`)).toBe(expected(`1.${minor}.txt`));
  });

  it.each(Object.entries(CHANGES))('change with 1.%s by what upstream changed', async (minor, changes) => {
    const before = await rendered(`1.${Number(minor) - 1}.0`);
    expect(difference(before, await rendered(`1.${minor}.0`))).toEqual(changes);
  });

  it('ask for less in a system container', async () => {
    const host = await rendered('1.34.2');
    const container = await rendered('1.34.2', { IN_CONTAINER: 'true', CGROUP_DRIVER: 'cgroupfs' });
    expect(difference(host, container)).toEqual([
      '- kubelet.yaml: cgroupDriver: systemd',
      '+ kubelet.yaml: cgroupDriver: cgroupfs',
      '+ kubelet.yaml: oomScoreAdj: 0',
      '+ kubelet.yaml: imageGCHighThresholdPercent: 100',
      '+ kube-proxy.yaml: oomScoreAdj: 0',
      '+ kube-proxy.yaml: conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}',
    ]);
  });

  it('let the control plane give each node a part of the network, where the CNI wants it', async () => {
    const parts = await rendered('1.34.2', { NODE_CIDR_BITS: '24' });
    expect(difference(await rendered('1.34.2'), parts)).toEqual([
      '- kube-controller-manager.service: --allocate-node-cidrs=false',
      '+ kube-controller-manager.service: --allocate-node-cidrs=true',
      '+ kube-controller-manager.service: --node-cidr-mask-size=24',
    ]);
  });

  it('say nothing of taints, DNS and masquerading where there is none', async () => {
    const plain = await rendered('1.34.2', { TAINTS: '', CLUSTER_DNS: '', BRIDGE_FILTER: 'false' });
    expect(plain).not.toMatch(/[Tt]aints|clusterDNS/);
    expect(plain).toContain('iptables: {masqueradeAll: true}');
  });

  it.each(['1.19.4', '2.0.0', '1.34', '1.34.2; true'])('are not rendered for version %s', async (version) => {
    await expect(rendered(version)).rejects.toThrow(/cannot (read|lay)/);
  });
});
