import { type DataSource, IsNull } from 'typeorm';
import { messageOf, MusterError } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import type { Remote, RemoteShell, RemoteTarget } from '../../platform/remote/index.js';
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

  find(hostId: string): Promise<CloudHost | null> {
    return this.hosts.findOne({ where: { id: hostId }, relations: { cloud: true } });
  }

  /** Runs something on a host with the cloud's own key. */
  async with<Result>(cloud: Cloud, host: CloudHost, work: (shell: RemoteShell) => Promise<Result>): Promise<Result> {
    const shell = await this.remote.connect(this.targetOf(cloud, host), { timeoutMs: 15_000 });
    try {
      return await work(shell);
    } finally {
      await shell.close();
    }
  }

  private targetOf(cloud: Cloud, { address, port, user, hostKeys }: CloudHost): RemoteTarget {
    return { host: address, port, user, hostKeys, privateKey: this.secrets.open(cloud.privateKey, cloud.id) };
  }

  private async checkOne(cloud: Cloud, host: CloudHost): Promise<void> {
    const checkedAt = this.clock.now();
    try {
      const facts = await this.with(cloud, host, readHostFacts);
      await this.hosts.update({ id: host.id }, { facts, problem: null, checkedAt });
    } catch (error) {
      await this.hosts.update({ id: host.id }, { problem: messageOf(error), checkedAt });
    }
  }

  private get hosts() {
    return this.dataSource.getRepository(CloudHost);
  }
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
