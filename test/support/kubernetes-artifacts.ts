import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Made by bin/kubernetes-binaries, bin/coredns-binary and bin/flannel-binary; the last two may be missing. */
const BINARIES = process.env.MUSTER_TEST_KUBERNETES ?? '';
export const COREDNS = process.env.MUSTER_TEST_COREDNS ?? '';
export const FLANNEL = process.env.MUSTER_TEST_FLANNEL ?? '';
export const hasKubernetes = BINARIES !== '';
/** Of Kubernetes. */
const VERSION = '1.20.2';
const DNS_VERSION = '1.9.4';
const FLANNEL_VERSION = '0.28.10';

/** An overlay for a bundle: the version there is, images without a registry, patience for two cores. */
export function kubernetesOverlay(): string {
  const imagesSum = readFileSync(join(BINARIES, 'images.tar.sha256'), 'utf8').slice(0, 64);
  const slow = { 'node-grace-seconds': 120, 'leader-lease-seconds': 60, 'leader-renew-seconds': 40 };
  const applications = {
    containerd: {
      options: {
        'sandbox-image': 'muster.test/pause:1',
        images: 'https://images.muster.test/images.tar',
        'images-sha256': imagesSum,
      },
    },
    etcd: { options: { 'unsafe-no-fsync': true, 'heartbeat-interval': 500, 'election-timeout': 5000 } },
    'kubernetes-control-plane': {
      options: {
        version: VERSION,
        'verify-image': 'muster.test/busybox:1',
        'verify-seconds': 400,
        'leader-retry-seconds': 5,
        'node-lease-seconds': 120,
        ...slow,
      },
    },
    'kubernetes-worker': { options: { version: VERSION, 'node-lease-seconds': 120 } },
    coredns: COREDNS === '' ? null : { options: { version: DNS_VERSION } },
  };
  return JSON.stringify({ applications });
}

/** `kubernetes-core` with that overlay, as one file. */
export function kubernetesBundle(): string {
  const shipped = readFileSync(join(import.meta.dirname, '../../bundles/kubernetes-core/bundle.yaml'), 'utf8');
  // No archive brings LXD for a container on a node.
  const placed = { applications: { easyrsa: { to: ['0'] } } };
  return [shipped, kubernetesOverlay(), JSON.stringify(placed)].join('\n---\n');
}

/** Puts what dl.k8s.io and others have into a folder, and gives the setting that has a server take it from there. */
export function kubernetesMirror(dir: string): string {
  const put = (path: string, from: string) => {
    mkdirSync(join(dir, path, '..'), { recursive: true });
    cpSync(from, join(dir, path));
  };
  const server = 'kubernetes-server-linux-amd64.tar.gz';
  for (const name of [server, `${server}.sha256`]) put(`k8s/v${VERSION}/${name}`, join(BINARIES, name));
  put('images/images.tar', join(BINARIES, 'images.tar'));
  const dns = `coredns_${DNS_VERSION}_linux_amd64.tgz`;
  for (const name of COREDNS === '' ? [] : [dns, `${dns}.sha256`])
    put(`github/coredns/coredns/releases/download/v${DNS_VERSION}/${name}`, join(COREDNS, name));
  if (FLANNEL !== '') {
    const at = `v${FLANNEL_VERSION}`;
    const archive = `flannel-${at}-linux-amd64.tar.gz`;
    put(`github/flannel-io/flannel/releases/download/${at}/${archive}`, join(FLANNEL, archive));
    put(`github-api/repos/flannel-io/flannel/releases/tags/${at}`, join(FLANNEL, 'release.json'));
  }
  return [
    `https://dl.k8s.io/=${join(dir, 'k8s')}`,
    `https://images.muster.test/=${join(dir, 'images')}`,
    `https://github.com/=${join(dir, 'github')}`,
    `https://api.github.com/=${join(dir, 'github-api')}`,
  ].join(' ');
}

/** Puts a stock kubectl of that version into a folder. */
export async function unpackKubectl(dir: string): Promise<void> {
  const archive = join(BINARIES, 'kubernetes-server-linux-amd64.tar.gz');
  await promisify(execFile)('tar', [
    '-xzf',
    archive,
    '-C',
    dir,
    '--strip-components=3',
    'kubernetes/server/bin/kubectl',
  ]);
}
