import { type DataSource, type EntityManager, IsNull } from 'typeorm';
import { messageOf, MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import { HostKeyMismatchError, type Remote, type RemoteShell, type RemoteTarget } from '../../platform/remote/index.js';
import type { SecretBox } from '../../platform/secrets/index.js';
import type { Cloud } from '../cloud.entity.js';
import type { NodeRequest } from '../provider.js';
import { CloudHost } from './cloud-host.entity.js';
import { hostMisfits, readHostFacts } from './host-facts.js';

/** The hosts of clouds of the kind `ssh`: who has which, and what is known of them. */
export class SshHosts {
  constructor(
    private readonly dataSource: DataSource,
    private readonly remote: Remote,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
  ) {}

  /** By address. */
  list(cloudId: string): Promise<CloudHost[]> {
    return this.hosts.find({ where: { cloudId }, order: { address: 'asc', port: 'asc' } });
  }

  heldBy(cloudId: string, deploymentId: string): Promise<CloudHost[]> {
    return this.hosts.find({ where: { cloudId, deploymentId }, order: { address: 'asc', port: 'asc' } });
  }

  /** Looks at every host and notes what it found. */
  async check(cloud: Cloud): Promise<CloudHost[]> {
    const hosts = await this.list(cloud.id);
    await Promise.all(hosts.map((host) => this.checkOne(cloud, host)));
    return this.list(cloud.id);
  }

  /** The free host that fits best; asked again for the same node it gives the same. Throws with why none does. */
  async choose(cloud: Cloud, wanted: Wanted, taken: ReadonlySet<string> = new Set()): Promise<CloudHost> {
    const held = await this.hosts.findOneBy({ cloudId: cloud.id, claim: wanted.claim });
    if (held !== null) return held;
    const refusals: { at: string; message: string }[] = [];
    const fitting: CloudHost[] = [];
    for (const host of await this.list(cloud.id)) {
      const reasons = whyNot(host, wanted, taken);
      if (reasons.length === 0) fitting.push(host);
      else refusals.push({ at: nameOf(host), message: reasons.join('; ') });
    }
    // The smallest that will do, so that the large ones are there for who needs them.
    const [best] = fitting.sort((a, b) => size(a) - size(b));
    if (best !== undefined) return best;
    throw new MusterError('conflict', `cannot find a free host for node ${wanted.key} in ${cloud.name}: no host fits`, {
      details: refusals,
      hint: `muster clouds check ${cloud.name} looks at them again`,
    });
  }

  /** False where somebody else was faster. */
  async take(host: CloudHost, claim: string, deploymentId: string): Promise<boolean> {
    if (host.claim === claim) return true;
    const { affected } = await this.hosts.update({ id: host.id, claim: IsNull() }, { claim, deploymentId });
    return affected === 1;
  }

  /** A host that was let go because it is lost is not given to anybody before a check succeeds. */
  async free(hostId: string, deploymentId: string, isLost: boolean): Promise<void> {
    const problem = isLost ? { problem: 'it was let go unreached' } : {};
    await this.hosts.update({ id: hostId, deploymentId }, { claim: null, deploymentId: null, ...problem });
  }

  /**
   * Looks which of the keys that were given for a host it shows now: what is returned holds it to that one. Throws where
   * it shows none of them.
   */
  async acceptKey(cloud: Cloud, place: { address: string; port: number }): Promise<AcceptedKey> {
    const host = await this.hosts.findOneBy({ cloudId: cloud.id, ...place });
    if (host === null) {
      const known = (await this.list(cloud.id)).map(({ address, port }) => `${address}:${port}`);
      throw new MusterError('not-found', `cannot find the host ${place.address}:${place.port} in ${cloud.name}`, {
        hint: `its hosts: ${known.join(', ')}`,
      });
    }
    const before = host.shownKey;
    const shell = await this.connect(cloud, Object.assign(host, { shownKey: null }));
    const facts = await readHostFacts(shell).finally(() => shell.close());
    const noted = { facts, shownKey: shell.hostKey ?? null, problem: null, checkedAt: this.clock.now() };
    const store = async (manager: EntityManager): Promise<void> => {
      await manager.update(CloudHost, { id: host.id }, noted);
    };
    return { host: Object.assign(host, noted), before, store };
  }

  find(hostId: string): Promise<CloudHost | null> {
    return this.hosts.findOne({ where: { id: hostId }, relations: { cloud: true } });
  }

  /** Runs something on a host with the cloud's own key. */
  async with<Result>(cloud: Cloud, host: CloudHost, work: (shell: RemoteShell) => Promise<Result>): Promise<Result> {
    const shell = await this.connect(cloud, host);
    try {
      await this.holdToShown(host, shell);
      return await work(shell);
    } finally {
      await shell.close();
    }
  }

  private async connect(cloud: Cloud, host: CloudHost): Promise<RemoteShell> {
    try {
      return await this.remote.connect(this.targetOf(cloud, host), { timeoutMs: 15_000 });
    } catch (error) {
      const mayBeOther = error instanceof HostKeyMismatchError && host.shownKey !== null && host.hostKeys.length > 1;
      if (!mayBeOther) throw error;
      const place = { host: host.address, port: host.port };
      throw new HostKeyMismatchError(place, error.shown, howToAccept(cloud, host));
    }
  }

  private targetOf(cloud: Cloud, host: CloudHost): RemoteTarget {
    const { address, port, user } = host;
    const privateKey = this.secrets.open(cloud.privateKey, cloud.id);
    return { host: address, port, user, hostKeys: keysOf(host), privateKey };
  }

  private async checkOne(cloud: Cloud, host: CloudHost): Promise<void> {
    const checkedAt = this.clock.now();
    try {
      const facts = await this.with(cloud, host, readHostFacts);
      await this.hosts.update({ id: host.id }, { facts, problem: null, checkedAt });
    } catch (error) {
      await this.hosts.update({ id: host.id }, { problem: problemOf(error), checkedAt });
    }
  }

  /** From the first time on that somebody speaks with it. */
  private async holdToShown(host: CloudHost, { hostKey }: RemoteShell): Promise<void> {
    if (host.shownKey !== null || hostKey === undefined) return;
    await this.hosts.update({ id: host.id, shownKey: IsNull() }, { shownKey: hostKey });
    host.shownKey = hostKey;
  }

  private get hosts() {
    return this.dataSource.getRepository(CloudHost);
  }
}

/** What a host showed, not stored yet. */
export interface AcceptedKey {
  host: CloudHost;
  /** What it was held to. */
  before: string | null;
  store: (manager: EntityManager) => Promise<void>;
}

/** What a host is held to: what it showed, or any that was given as long as nobody has looked. */
export function keysOf({ shownKey, hostKeys }: Pick<CloudHost, 'shownKey' | 'hostKeys'>): string[] {
  return shownKey === null ? hostKeys : [shownKey];
}

function howToAccept({ name }: Cloud, { address, port }: CloudHost): string {
  const host = port === 22 ? address : `${address}:${port}`;
  const why = 'it showed another key before: somebody is in between, or the host was installed anew';
  return `${why}; if its new one is among those that were given: muster clouds accept-key ${name} ${host}`;
}

/** A key that is refused is for a person to look at: the hint belongs to it. */
function problemOf(error: unknown): string {
  return error instanceof HostKeyMismatchError ? `${error.message}: ${error.hint ?? ''}` : messageOf(error);
}

type Wanted = Pick<NodeRequest, 'key' | 'constraints' | 'base'> & { claim: string };

function whyNot(host: CloudHost, wanted: Wanted, taken: ReadonlySet<string>): string[] {
  if (host.claim !== null || taken.has(host.id)) return ['it is taken'];
  if (host.problem !== null) return [host.problem];
  if (host.facts === null) return ['it was never checked'];
  return hostMisfits(host.facts, wanted);
}

const size = ({ facts }: CloudHost): number => (facts === null ? 0 : facts.memMiB + facts.cores * 1024);

/** For people. */
export function nameOf({ address, port, facts }: CloudHost): string {
  const where = port === 22 ? address : `${address}:${port}`;
  return facts === null || facts.hostname === where ? where : `${facts.hostname} (${where})`;
}
