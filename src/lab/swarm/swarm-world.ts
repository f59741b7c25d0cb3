import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MusterError } from '../../error.js';
import { systemClock } from '../../platform/clock.js';
import { runProcess } from '../../platform/process/index.js';
import { deleteNamespace, namespaceExists, runIn } from '../rack/namespace.js';
import { isAlive } from '../rack/processes.js';
import type { RecordedProcess } from '../rack/rack-state.js';
import { Rack } from '../rack/rack.js';
import { musterCommand } from '../up/lab-places.js';
import { cleanEnvironment } from '../up/lab-server.js';

/**
 * Two networks with a cable between them. The server's side is a bridge; the machines' side is a relay agent that is
 * also the router of the machines' own subnet, so each machine speaks from the address that it leased.
 *
 *     server 10.98.0.1 ---- 10.98.0.2 relay 10.97.0.1 ---- machines 10.97.1.0 …
 */
export const SWARM_NET = {
  server: '10.98.0.1',
  router: '10.98.0.2',
  relay: '10.97.0.1',
  subnet: '10.97.0.0/16',
  range: '10.97.1.0-10.97.254.255',
} as const;

const START_MS = 120_000;
/** Where the distribution's package has them; machines of a swarm are BIOS machines. */
const BOOT_FILE = '/usr/lib/ipxe/undionly.kpxe';

/** The server of a swarm, and the network of its machines. */
export class SwarmWorld {
  private constructor(
    private readonly rack: Rack,
    readonly server: RecordedProcess,
  ) {}

  static machinesNamespace(name: string): string {
    return `${name}-far`;
  }

  /** `dir`: a new folder of the swarm's own. Needs root, and a built muster. */
  static async create(name: string, dir: string): Promise<SwarmWorld> {
    await SwarmWorld.remove(name, dir);
    const rack = await Rack.create({ name, dir, addresses: { ipv4: `${SWARM_NET.server}/24`, ipv6: 'fd98::1/64' } });
    try {
      await layCable(rack, SwarmWorld.machinesNamespace(name));
      const server = await startServer(rack);
      const world = new SwarmWorld(rack, server);
      const { subnet, range, relay } = SWARM_NET;
      await world.command(
        'subnets',
        'create',
        'swarm',
        subnet,
        '--gateway',
        relay,
        '--mode',
        'serve',
        '--range',
        range,
      );
      return world;
    } catch (error) {
      await SwarmWorld.remove(name, dir);
      throw error;
    }
  }

  /** Also what an earlier swarm of this name left behind. */
  static async remove(name: string, dir: string): Promise<void> {
    if (Rack.existsIn(dir)) await Rack.open(dir).destroy();
    const far = SwarmWorld.machinesNamespace(name);
    if (namespaceExists(far)) await deleteNamespace(far);
  }

  get namespace(): string {
    return this.rack.namespace;
  }

  get log(): string {
    return logOf(this.rack);
  }

  /** `muster` beside the server. Gives what it prints. */
  async command(...words: string[]): Promise<string> {
    const { stdout } = await this.rack.exec([...musterCommand(), ...words], { environment: environmentOf(this.rack) });
    return stdout;
  }
}

const logOf = (rack: Rack) => join(rack.dir, 'server.log');

async function layCable(rack: Rack, far: string): Promise<void> {
  const { server, router, relay, subnet } = SWARM_NET;
  const near = (...args: string[]) => runProcess(['ip', '-n', rack.namespace, ...args]);
  const away = (...args: string[]) => runProcess(['ip', '-n', far, ...args]);
  await runProcess(['ip', 'netns', 'add', far]);
  await near('link', 'add', 'far', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far);
  await near('link', 'set', 'far', 'master', rack.bridge, 'up');
  await near('route', 'add', subnet, 'via', router);
  await away('link', 'set', 'lo', 'up');
  await away('address', 'add', `${router}/24`, 'dev', 'eth0');
  await away('link', 'set', 'eth0', 'up');
  await away('address', 'add', `${relay}/32`, 'dev', 'lo');
  // Every address of the subnet is this computer's own, without sixty thousand entries.
  await away('route', 'add', 'local', subnet, 'dev', 'lo');
  await away('route', 'add', 'default', 'via', server);
  await runIn(rack.namespace, ['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0']);
}

function environmentOf(rack: Rack): Record<string, string> {
  return {
    ...cleanEnvironment(),
    MUSTER_DATA_DIR: join(rack.dir, 'data'),
    MUSTER_BOOT_FILES_DIR: join(rack.dir, 'boot-files'),
    // The machines' subnet is behind a relay: no interface of the server has an address of it.
    MUSTER_BOOT_INTERFACES: rack.bridge,
    MUSTER_LOG_LEVEL: 'warn',
  };
}

async function startServer(rack: Rack): Promise<RecordedProcess> {
  const folder = join(rack.dir, 'boot-files');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(BOOT_FILE)) {
    throw new MusterError('unavailable', `cannot start the swarm: there is no ${BOOT_FILE}`, {
      hint: 'apt-get install ipxe',
    });
  }
  copyFileSync(BOOT_FILE, join(folder, 'undionly.kpxe'));
  const log = logOf(rack);
  const server = await rack.start([...musterCommand(), 'serve'], 'muster serve', log, environmentOf(rack));
  for (let waited = 0; waited < START_MS && isAlive(server); waited += 100) {
    if (await isReady(rack)) return server;
    await systemClock.sleep(100);
  }
  const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
  throw new MusterError('unavailable', `cannot start the swarm's server:\n${tail}`);
}

/** The API is up before the boot role is: what counts is that the last port listens. */
async function isReady(rack: Rack): Promise<boolean> {
  const { stdout } = await rack.exec(['ss', '-Hlun', 'sport = :69']);
  return stdout.includes(':69');
}
