import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { MusterError } from '../../error.js';
import { findAddress, formatPrefix, prefixesOverlap, type Prefix } from '../../protocol/ipv4/index.js';
import type { Settings } from '../../platform/config/index.js';
import type { LxdCloud, LxdSettings } from '../lxd/lxd-cloud.js';
import { exchange } from '../lxd/lxd-http.js';
import { LxdClient } from '../lxd/lxd-client.js';
import { bridgePrefix } from '../lxd/lxd-setup.js';
import { type Host, SOCKETS } from './host.js';
import { relayPath } from './lxd-relay.js';

/** The LXD or Incus of this computer. */
export class LocalhostCloud implements LxdCloud {
  readonly name = 'localhost';
  readonly settings: LxdSettings;
  readonly sshHost = null;

  constructor(
    private readonly given: Pick<Settings, 'localhost' | 'dataDir'>,
    private readonly host: Host,
    private readonly routes: () => string = () => readFileSync('/proc/net/route', 'utf8'),
  ) {
    this.settings = given.localhost;
  }

  async client(): Promise<LxdClient> {
    const socketPath = await this.socket();
    if (socketPath === null) throw notThere();
    return new LxdClient({ socketPath }, this.settings.project);
  }

  async missing(): Promise<string | null> {
    return (await this.socket()) === null ? 'LXD is installed first' : null;
  }

  async prepareHost(tell: (line: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    const isThere = (await this.socket()) !== null;
    let told: Promise<void> = Promise.resolve();
    const say = (line: string) => {
      told = told.then(() => tell(line));
      told.catch(() => undefined);
    };
    if (!isThere) await this.host.installLxd(say, signal);
    await this.host.raiseLimits(say, signal);
    await told;
    this.refuseRoutes();
  }

  /** LXD's own socket where this process may open it, else the supervisor's door to it; null: nobody answers there. */
  private async socket(): Promise<string | null> {
    const { enabled, socket } = this.given.localhost;
    if (!enabled) throw notAllowed();
    const own = (socket === undefined ? SOCKETS : [socket]).find((path) => mayUse(path));
    if (own !== undefined) return own;
    const relay = relayPath(this.given.dataDir);
    return existsSync(relay) && (await answers(relay)) ? relay : null;
  }

  /** Also what no interface has an address in: a route to somewhere else would be lost. */
  private refuseRoutes(): void {
    const ours = bridgePrefix(this.settings.address);
    for (const { name, prefix } of routesOf(this.routes())) {
      if (name === this.settings.bridge || prefix.length === 0 || !prefixesOverlap(ours, prefix)) continue;
      throw new MusterError(
        'conflict',
        `cannot give the bridge ${this.settings.address}: this computer has a route to ${formatPrefix(prefix)} by ${name}`,
        { hint: 'name a free network: MUSTER_LOCALHOST_ADDRESS' },
      );
    }
  }
}

/** The kernel's table (proc(5)): interface, destination and, eighth, mask, in hex of this computer's byte order. */
export function routesOf(table: string): { name: string; prefix: Prefix }[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , , , , , mask] = line.trim().split(/\s+/);
      if (name === undefined || destination === undefined || mask === undefined) return [];
      const network = findAddress(dotted(destination)) ?? 0;
      const length = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
      return [{ name, prefix: { network, length } }];
    });
}

function dotted(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

function mayUse(socket: string): boolean {
  try {
    accessSync(socket, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

async function answers(socketPath: string): Promise<boolean> {
  return exchange({ socketPath }, { method: 'GET', path: '/1.0', timeoutMs: 10_000 }).then(
    () => true,
    () => false,
  );
}

function notAllowed(): MusterError {
  return new MusterError('conflict', 'cannot use localhost: this server may not make containers on its own computer', {
    hint: 'start it with `muster serve --localhost` (MUSTER_LOCALHOST_ENABLED=true): who may deploy can then become root here',
  });
}

function notThere(): MusterError {
  return new MusterError('conflict', 'cannot use localhost: there is no LXD and no Incus on this computer', {
    hint: 'apt-get install lxd (Debian), apt-get install incus or snap install lxd (Ubuntu); `muster up` does it as well',
  });
}
