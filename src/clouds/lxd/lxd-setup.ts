import { z } from 'zod';
import { MusterError } from '../../error.js';
import { findInterfaceAddress, formatPrefix, prefixesOverlap, type Prefix } from '../../protocol/ipv4/index.js';
import type { LxdSettings } from './lxd-cloud.js';
import type { LxdClient } from './lxd-client.js';

const server = z.object({
  auth: z.string(),
  environment: z.object({ server: z.string(), server_version: z.string() }),
});
const named = z.object({ name: z.string() });
const networkState = z.object({
  addresses: z.array(z.object({ family: z.string(), address: z.string(), netmask: z.string() })),
});

/** Which server answers: `lxd 5.0.2`. Throws where it does not trust us. */
export async function trustedServer(client: LxdClient, signal?: AbortSignal): Promise<string> {
  const { auth, environment } = await client.get('/1.0', server, signal);
  if (auth === 'trusted') return `${environment.server} ${environment.server_version}`;
  throw new MusterError('forbidden', 'cannot use this LXD: it does not trust our certificate', {
    hint: 'give a new token: `lxc config trust add` on its computer, then `muster clouds add`',
  });
}

/**
 * Makes what our containers live in: a project, a storage pool, a bridge with NAT, DHCP and DNS, and the profile that
 * joins them. What is there already stays as it is.
 */
export async function prepareLxd(client: LxdClient, settings: LxdSettings, signal?: AbortSignal): Promise<string[]> {
  const made: string[] = [];
  const everywhere = client.within(null);
  const ensure = async (folder: string, name: string, body: () => Promise<object> | object) => {
    if ((await everywhere.find(`${folder}/${name}`, named, signal)) !== null) return;
    await everywhere.change('POST', folder, { name, ...(await body()) }, signal);
    made.push(`${folder.split('/').at(-1) ?? ''} ${name}`);
  };
  const { project, pool, poolDriver, bridge, address } = settings;
  await ensure('/1.0/storage-pools', pool, () => ({ driver: poolDriver, config: {} }));
  await ensure('/1.0/networks', bridge, async () => {
    await refuseOverlap(everywhere, address, signal);
    const config = { 'ipv4.address': address, 'ipv4.nat': 'true', 'ipv6.address': 'none', 'dns.domain': 'muster' };
    return { type: 'bridge', description: 'muster: nodes', config };
  });
  // Networks stay common to all projects: only so may a project have a bridge.
  const features = { 'features.images': 'true', 'features.profiles': 'true', 'features.networks': 'false' };
  await ensure('/1.0/projects', project, () => ({ description: 'muster', config: features }));
  await client.change('PUT', '/1.0/profiles/default', profile(settings), signal);
  return made;
}

function profile({ pool, bridge }: LxdSettings) {
  return {
    description: 'muster: what every node has',
    config: {},
    devices: {
      root: { type: 'disk', path: '/', pool },
      eth0: { type: 'nic', name: 'eth0', network: bridge },
    },
  };
}

/** The computer of that LXD would send our containers' traffic elsewhere, or its own traffic to them. */
async function refuseOverlap(client: LxdClient, address: string, signal?: AbortSignal): Promise<void> {
  const ours = bridgePrefix(address);
  for (const { name, prefix } of await hostNetworks(client, signal)) {
    if (!prefixesOverlap(ours, prefix)) continue;
    throw new MusterError(
      'conflict',
      `cannot give the bridge ${address}: ${formatPrefix(prefix)} is on ${name} already`,
      {
        hint: 'name a free network: MUSTER_LOCALHOST_ADDRESS, or `muster clouds add --address`',
      },
    );
  }
}

export function bridgePrefix(address: string): Prefix {
  const found = findInterfaceAddress(address);
  if (found !== null) return found.prefix;
  throw new MusterError('invalid', `cannot use "${address}" for a bridge`, { hint: 'an address of it: 10.178.0.1/22' });
}

/** The networks that the host's interfaces are in, as LXD sees them. */
async function hostNetworks(client: LxdClient, signal?: AbortSignal): Promise<{ name: string; prefix: Prefix }[]> {
  const found: { name: string; prefix: Prefix }[] = [];
  for (const { name } of await client.get('/1.0/networks?recursion=1', z.array(named), signal)) {
    const state = await client.find(`/1.0/networks/${encodeURIComponent(name)}/state`, networkState, signal);
    for (const { family, address, netmask } of state?.addresses ?? []) {
      const parsed = family === 'inet' ? findInterfaceAddress(`${address}/${netmask}`) : null;
      if (parsed !== null && name !== 'lo') found.push({ name, prefix: parsed.prefix });
    }
  }
  return found;
}
