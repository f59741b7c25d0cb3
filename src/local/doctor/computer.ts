import { accessSync, constants, existsSync, mkdirSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readLimits } from '../../clouds/localhost/host-limits.js';
import { messageOf } from '../../error.js';
import type { Settings } from '../../platform/config/index.js';
import { ProcessError, runProcess } from '../../platform/process/index.js';
import { failed, ok, warning, type Finding } from './finding.js';

export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return ok('Node.js', version);
  return failed(
    'Node.js',
    `${version} is older than 20.19`,
    'install Node.js 20.19 or newer, or: npx -p node@20 muster …',
  );
}

export function checkPrivileges(settings: Settings): Finding {
  if (process.getuid?.() === 0) return ok('privileges', 'root: low ports can be bound, then privileges are dropped');
  if (!settings.roles.includes('boot')) return ok('privileges', 'none needed without the boot role');
  return failed(
    'privileges',
    'ports 67 and 69 need root or CAP_NET_BIND_SERVICE',
    'run as root, or without the boot role',
  );
}

interface NeededProgram {
  program: string;
  package: string;
  purpose: string;
  needed: (settings: Settings) => boolean;
}

/** Programs that muster calls, and the Debian package of each. */
const PROGRAMS: readonly NeededProgram[] = [
  {
    program: 'initdb',
    package: 'postgresql',
    purpose: 'the embedded database',
    needed: (s) => s.databaseUrl === undefined,
  },
  {
    program: 'redis-server',
    package: 'redis-server',
    purpose: 'the embedded queue',
    needed: (s) => s.redisUrl === undefined,
  },
  { program: 'setpriv', package: 'util-linux', purpose: 'dropping privileges', needed: () => true },
  { program: 'ipmitool', package: 'ipmitool', purpose: 'power by IPMI', needed: () => false },
  { program: 'mmdebstrap', package: 'mmdebstrap', purpose: '`muster images build`', needed: () => false },
  { program: 'mksquashfs', package: 'squashfs-tools', purpose: '`muster images build`', needed: () => false },
  { program: 'zstd', package: 'zstd', purpose: '`muster images build`', needed: () => false },
  { program: 'qemu-img', package: 'qemu-utils', purpose: 'importing qcow2 images', needed: () => false },
];

export function checkPrograms(settings: Settings, exists: (program: string) => boolean = onPath): Finding[] {
  return PROGRAMS.map((entry) => {
    if (exists(entry.program)) return ok(entry.program, 'installed');
    const fix = `apt-get install ${entry.package}`;
    const message = `not installed: ${entry.purpose}`;
    return entry.needed(settings) ? failed(entry.program, message, fix) : warning(entry.program, message, fix);
  });
}

function onPath(program: string): boolean {
  const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const versioned = [13, 14, 15, 16, 17, 18].map((version) => `/usr/lib/postgresql/${version}/bin`);
  return [...folders, ...versioned].some((folder) => existsSync(join(folder, program)));
}

/** The cloud localhost raises them itself, where its server has a supervisor that is root. */
export function checkContainerLimits(settings: Settings, limits = readLimits()): Finding[] {
  if (!settings.localhost.enabled) return [];
  return limits.flatMap(({ name, least, why, now }) => {
    if (now === null) return [];
    if (now >= least) return [ok(name, `${now}`)];
    return [
      warning(name, `${now}: ${why}`, `sysctl -w ${name}=${least}; \`muster up --on localhost\` does it as well`),
    ];
  });
}

const GIB = 1024 ** 3;

/** Images are large: under 5 GiB the next one may not fit, under 1 GiB the database may stop. */
export function checkDisk(settings: Settings): Finding {
  let folder = settings.dataDir;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const freeGib = Math.floor((bavail * bsize) / GIB);
  const message = `${freeGib} GiB free for ${settings.dataDir}`;
  const fix = 'free some space, or set MUSTER_DATA_DIR to a larger disk';
  if (freeGib < 1) return failed('disk', message, fix);
  return freeGib < 5 ? warning('disk', message, fix) : ok('disk', message);
}

export function checkDataFolder(settings: Settings): Finding {
  const { dataDir } = settings;
  try {
    mkdirSync(dataDir, { recursive: true });
    accessSync(dataDir, constants.W_OK);
    return ok('data folder', dataDir);
  } catch (error) {
    return failed('data folder', messageOf(error), `make ${dataDir} writable, or set MUSTER_DATA_DIR`);
  }
}

/** Certificates and tokens go by the clock, and so do the machines that take their time from this computer. */
export async function checkClock(): Promise<Finding> {
  try {
    const { stdout } = await runProcess(['timedatectl', 'show', '--property=NTPSynchronized', '--value'], {
      timeoutMs: 5000,
    });
    if (stdout.trim() === 'yes') return ok('clock', 'synchronised');
    return warning('clock', 'not synchronised', 'timedatectl set-ntp true, or install chrony');
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    return warning(
      'clock',
      'cannot tell whether it is synchronised: no systemd here',
      'make sure that an NTP client runs',
    );
  }
}
