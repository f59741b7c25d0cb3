/** What a bundle needs of the lab, beside what its roles say of themselves. */
export interface BundleNeeds {
  /** Those that it lays in containers on nodes: they get a root of their own, smaller and sooner unpacked than a machine's. */
  containerRoles: readonly string[];
  /** What its stages take where nothing is cached, on two cores without KVM. */
  imagesSeconds: number;
  bundleSeconds: number;
  cores?: number;
  memoryMegabytes?: number;
  diskGigabytes?: number;
}

/** A machine shows a little less memory than it has: its bundle asks for 4 GiB. */
const KUBERNETES_MACHINE = { cores: 2, memoryMegabytes: 4608, diskGigabytes: 20 };
const KUBERNETES_TIMES = { imagesSeconds: 300, bundleSeconds: 1200 };

export function needsOf(bundle: string): BundleNeeds {
  return bundle.includes('kubernetes')
    ? { containerRoles: ['easyrsa'], ...KUBERNETES_TIMES, ...KUBERNETES_MACHINE }
    : { containerRoles: [], imagesSeconds: 150, bundleSeconds: 240 };
}
