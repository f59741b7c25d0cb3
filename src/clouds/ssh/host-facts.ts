import { z } from 'zod';
import { MusterError } from '../../error.js';
import type { RemoteShell } from '../../platform/remote/index.js';
import { factMisfits } from '../../machines/index.js';
import type { NodeConstraints, NodeRequest } from '../provider.js';

export interface HostFacts {
  hostname: string;
  os: string;
  release: string;
  /** Debian's name: `amd64`. */
  architecture: string;
  cores: number;
  memMiB: number;
  rootDiskMiB: number;
  nics: number;
  kernel: string;
  systemd: boolean;
}

/** Prints `name=value` lines and changes nothing. Every tool in it is of the base system. */
const SCRIPT = `set -u
. /etc/os-release
echo "hostname=$(hostname)"
echo "os=\${ID:-}"
echo "release=\${VERSION_ID:-}"
echo "machine=$(uname -m)"
echo "kernel=$(uname -r)"
echo "cores=$(nproc)"
echo "mem=$(awk '/^MemTotal:/ {print $2}' /proc/meminfo)"
echo "disk=$(df -Pk / | awk 'NR == 2 {print $2}')"
echo "nics=$(ls /sys/class/net | grep -cv '^lo$')"
if [ -d /run/systemd/system ]; then echo systemd=yes; fi
if [ "$(id -u)" = 0 ]; then echo root=yes; elif sudo -n true 2>/dev/null; then echo root=yes; else echo "user=$(id -un)"; fi
`;

const ARCHITECTURES: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' };

const printed = z.object({
  hostname: z.string().min(1).max(253),
  os: z.string().regex(/^[a-z][a-z0-9._-]*$/),
  release: z.string().max(32),
  machine: z.string().max(32),
  kernel: z.string().max(200),
  cores: z.coerce.number().int().positive(),
  mem: z.coerce.number().positive(),
  disk: z.coerce.number().positive(),
  nics: z.coerce.number().int(),
  systemd: z.literal('yes').optional(),
  root: z.literal('yes').optional(),
  user: z.string().optional(),
});

/** Asks a host what it is. Throws where we could not become root on it. */
export async function readHostFacts(shell: RemoteShell): Promise<HostFacts> {
  const { code, stdout, stderr } = await shell.exec(['sh', '-c', SCRIPT], { readOnly: true, timeoutMs: 30_000 });
  const pairs = stdout.split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
  const read = printed.safeParse(Object.fromEntries(pairs));
  if (!read.success) {
    const [issue] = read.error.issues;
    const what = stderr.trim() || `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
    throw new MusterError(
      'conflict',
      `cannot use this host: it does not say what it is (exit code ${code ?? 'none'}): ${what}`,
    );
  }
  const { machine, mem, disk, systemd, root, user, ...same } = read.data;
  if (root === undefined) {
    throw new MusterError(
      'conflict',
      `cannot use this host: ${user ?? 'its user'} may not use sudo without a password`,
      {
        hint: `on the host: echo "${user ?? 'USER'} ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/muster; or log in as root`,
      },
    );
  }
  return {
    ...same,
    architecture: ARCHITECTURES[machine] ?? machine,
    memMiB: Math.floor(mem / 1024),
    rootDiskMiB: Math.floor(disk / 1024),
    systemd: systemd !== undefined,
  };
}

/** Why a host does not fit a node, in words; empty where it does. */
export function hostMisfits(
  facts: HostFacts,
  { constraints, base }: Pick<NodeRequest, 'constraints' | 'base'>,
): string[] {
  const reasons: string[] = [];
  if (facts.os !== base.os || facts.release !== base.release) {
    reasons.push(`it runs ${facts.os}@${facts.release}, not ${base.os}@${base.release}`);
  }
  const { arch } = constraints;
  if (arch !== undefined && arch !== facts.architecture)
    reasons.push(`architecture is ${facts.architecture}, not ${arch}`);
  for (const [what, wanted, found] of [
    ['cores', constraints.cores, facts.cores],
    ['memory in MiB', constraints.memMiB, facts.memMiB],
    ['root disk in MiB', constraints.rootDiskMiB, facts.rootDiskMiB],
    ['network cards', constraints.nics, facts.nics],
  ] as const) {
    if (wanted !== undefined && found < wanted) reasons.push(`${what}: ${found} is less than ${wanted}`);
  }
  return [...reasons, ...factMisfits(flat(facts), constraints.facts ?? [])];
}

/** What a host can be asked for. */
export const HOST_CONSTRAINTS: readonly (keyof NodeConstraints)[] = [
  'arch',
  'cores',
  'memMiB',
  'rootDiskMiB',
  'nics',
  'facts',
];

const flat = (facts: HostFacts): Record<string, string | number | boolean> => ({ ...facts });
