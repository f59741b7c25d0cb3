/** What a bundle needs of the lab. */
export interface BundleNeeds {
  /** What its roles install on nodes: in the image, because the rack's network leads nowhere. */
  packages: readonly string[];
  cores?: number;
  memoryMegabytes?: number;
  diskGigabytes?: number;
}

const CONTAINERS = [
  'lxd',
  'lxd-client',
  'busybox-static',
  'dnsmasq-base',
  'nftables',
  'uidmap',
  'squashfs-tools',
  'btrfs-progs',
];

const KUBERNETES = [
  'containerd',
  'runc',
  'containernetworking-plugins',
  'iptables',
  'conntrack',
  'openssl',
  'etcd-server',
  'etcd-client',
  'nginx-light',
  'iputils-ping',
];

/** A machine shows a little less memory than it has: its bundle asks for 4 GiB. */
const KUBERNETES_MACHINE = { cores: 2, memoryMegabytes: 4608, diskGigabytes: 20 };

export function needsOf(bundle: string): BundleNeeds {
  return bundle.includes('kubernetes')
    ? { packages: [...CONTAINERS, ...KUBERNETES], ...KUBERNETES_MACHINE }
    : { packages: CONTAINERS };
}
