import { createHash } from 'node:crypto';
import type { NodeConstraints } from '../provider.js';

/** What a container is to be. Everything in it is plain JSON: it goes through a plan. */
export interface InstanceWish {
  name: string;
  deploymentId: string;
  /** The node's key in the bundle. */
  key: string;
  constraints: Pick<NodeConstraints, 'cores' | 'memMiB' | 'rootDiskMiB'>;
  container: { nesting: boolean; privileged: boolean };
}

/** In a container's configuration: whose it is. */
export const OWNER = 'user.muster.deployment';
export const KEY = 'user.muster.node';
/** Set when its files are in place. */
export const PREPARED = 'user.muster.prepared';

/** LXD's names are host names: 63 characters, and no other but letters, digits and hyphens (RFC 1123). */
export function instanceName(hostname: string): string {
  const clean = hostname
    .replaceAll(/[^A-Za-z0-9-]+/g, '-')
    .replace(/^[^A-Za-z]+/, '')
    .replace(/-+$/, '');
  if (clean.length <= 63 && clean === hostname) return clean;
  const hash = createHash('sha256').update(hostname).digest('hex').slice(0, 6);
  return `${clean.slice(0, 56)}-${hash}`;
}

/** What LXD is asked for. More cores than the host has cannot be given: then it may use all of them. */
export function instanceBody(wish: InstanceWish, place: { alias: string; hostCores: number; pool: string }) {
  const { alias, hostCores, pool } = place;
  const { cores, memMiB, rootDiskMiB } = wish.constraints;
  const config: Record<string, string> = {
    [OWNER]: wish.deploymentId,
    [KEY]: wish.key,
    ...(cores === undefined ? {} : { 'limits.cpu': `${Math.min(cores, hostCores)}` }),
    ...(memMiB === undefined ? {} : { 'limits.memory': `${memMiB}MiB` }),
    ...allowances(wish.container),
  };
  return {
    name: wish.name,
    type: 'container',
    source: { type: 'image', alias },
    profiles: ['default'],
    config,
    devices: {
      ...(wish.container.privileged ? { kmsg: KMSG } : {}),
      ...(rootDiskMiB === undefined ? {} : { root: { type: 'disk', path: '/', pool, size: `${rootDiskMiB}MiB` } }),
    },
  };
}

/** kubelet reads the kernel's messages. */
const KMSG = { type: 'unix-char', source: '/dev/kmsg', path: '/dev/kmsg', mode: '0600' };

function allowances({ nesting, privileged }: InstanceWish['container']): Record<string, string> {
  if (!privileged) return nesting ? { 'security.nesting': 'true' } : {};
  const lxc = [
    'lxc.cap.drop=',
    'lxc.mount.auto=proc:rw sys:rw cgroup:rw',
    'lxc.cgroup.devices.allow=a',
    'lxc.cgroup2.devices.allow=a',
  ];
  return { 'security.nesting': 'true', 'security.privileged': 'true', 'raw.lxc': `${lxc.join('\n')}\n` };
}
