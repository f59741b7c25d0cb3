import { MusterError } from '../error.js';
import type { NodeConstraints, NodeRequest } from './provider.js';

/** How a bundle writes them. */
const WRITTEN: Record<keyof NodeConstraints, string> = {
  arch: 'arch',
  cores: 'cores',
  memMiB: 'mem',
  rootDiskMiB: 'root-disk',
  tags: 'tags',
  zones: 'zones',
  pool: 'pool',
  disks: 'disks',
  nics: 'nics',
  linkSpeedMbps: 'link-speed',
  spaces: 'spaces',
  gpu: 'gpu',
  facts: 'facts.…',
};

/** Refuses a node that asks for what a cloud has no notion of: what is not given must not be promised. */
export function refuseUnmet(
  cloud: string,
  { key, constraints }: Pick<NodeRequest, 'key' | 'constraints'>,
  known: readonly (keyof NodeConstraints)[],
): void {
  const asked = Object.entries(WRITTEN) as [keyof NodeConstraints, string][];
  const unmet = asked.filter(([name]) => constraints[name] !== undefined && !known.includes(name));
  if (unmet.length === 0) return;
  const names = unmet.map(([, written]) => `${written}=`).join(' ');
  throw new MusterError('conflict', `cannot make node ${key} on ${cloud}: nothing there has ${names}`, {
    hint: `it can be asked for ${known.map((name) => `${WRITTEN[name]}=`).join(' ')}`,
  });
}
