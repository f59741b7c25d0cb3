import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A limit of the kernel that all containers of a computer share. */
export interface HostLimit {
  /** As sysctl(8) names it. */
  name: string;
  /** What muster raises it to; a higher one stays. */
  least: number;
  /** What needs it, and how far the kernel's own goes. */
  why: string;
}

/** Enough for a thousand containers, which is what one Linux bridge has ports for. */
export const HOST_LIMITS: readonly HostLimit[] = [
  {
    name: 'fs.inotify.max_user_instances',
    least: 8192,
    why: 'systemd takes a few in each container, and all containers count as one user: 128 let some sixteen run',
  },
  {
    name: 'fs.inotify.max_user_watches',
    least: 524_288,
    why: 'services in containers watch files, and all containers count as one user',
  },
  {
    name: 'kernel.keys.maxkeys',
    least: 20_000,
    why: 'each service of systemd has a keyring, and all containers count as one user: 200 let some fifteen run',
  },
  { name: 'kernel.keys.maxbytes', least: 2_000_000, why: 'what these keyrings take' },
  { name: 'kernel.pty.max', least: 16_384, why: 'consoles of containers, and sessions on them' },
  {
    name: 'kernel.pid_max',
    least: 262_144,
    why: 'some twenty processes and threads a container, with what LXD runs for it',
  },
  {
    name: 'net.ipv4.neigh.default.gc_thresh2',
    least: 4096,
    why: 'every node is a neighbour on the bridge (ARP), and is forgotten too soon above this',
  },
  { name: 'net.ipv4.neigh.default.gc_thresh3', least: 8192, why: 'more neighbours than this are not reached at all' },
];

const KEPT = '/etc/sysctl.d/60-muster.conf';

/** A limit with what it is now; `null`: this kernel, or this network namespace, does not have it. */
export function readLimits(root = '/'): (HostLimit & { now: number | null })[] {
  return HOST_LIMITS.map((limit) => ({ ...limit, now: valueOf(root, limit.name) }));
}

/** Raises what is too low, for now and for the next start of this computer. Needs root. Gives a line for each. */
export function raiseLimits(root = '/'): string[] {
  const low = readLimits(root).filter(({ now, least }) => now !== null && now < least);
  for (const { name, least } of low) writeFileSync(fileOf(root, name), `${least}`);
  if (low.length === 0) return [];
  const lines = HOST_LIMITS.map(({ name, least, why }) => `# ${why}\n${name}=${least}\n`);
  // Raised is what was low when muster first looked; a computer's own higher values must not come down at its next start.
  const kept = keptNames(root);
  const names = new Set([...kept, ...low.map(({ name }) => name)]);
  const text = lines.filter((_, at) => names.has(HOST_LIMITS[at]?.name ?? ''));
  writeFileSync(join(root, KEPT), `# Limits that all containers share (muster, cloud localhost).\n${text.join('')}`);
  return low.map(({ name, least, now }) => `raised ${name}=${least} (it was ${now}), kept in ${KEPT}`);
}

function keptNames(root: string): string[] {
  try {
    return [...readFileSync(join(root, KEPT), 'utf8').matchAll(/^([\w.]+)=/gm)].map(([, name = '']) => name);
  } catch {
    return [];
  }
}

const fileOf = (root: string, name: string) => join(root, 'proc/sys', name.replaceAll('.', '/'));

function valueOf(root: string, name: string): number | null {
  try {
    return Number(readFileSync(fileOf(root, name), 'utf8'));
  } catch {
    return null;
  }
}
