import { z } from 'zod';
import { MusterError } from '../../error.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { RemoteShell } from '../../platform/remote/index.js';
import type { Cloud } from '../cloud.entity.js';
import { readHostFacts } from './host-facts.js';
import { keysOf, nameOf, type SshHosts } from './ssh-hosts.js';
import { hostName } from './ssh.provider.js';

/** Finds a cloud by its name. Throws `not-found`. */
export interface SshClouds {
  ssh(name: string): Promise<Cloud>;
}

export function sshHandlers(clouds: SshClouds, hosts: SshHosts): StepHandler[] {
  return [new ChooseHandler(clouds, hosts), new AccessHandler(hosts), new ReleaseHandler(clouds, hosts)];
}

const fact = z.object({ name: z.string(), operator: z.enum(['<', '<=', '=', '!=', '>=', '>']), value: z.string() });
const chooseInput = z.object({
  cloud: z.string(),
  key: z.string(),
  claim: z.string(),
  deploymentId: z.string(),
  base: z.object({ os: z.string(), release: z.string() }),
  constraints: z.object({
    arch: z.string().optional(),
    cores: z.number().optional(),
    memMiB: z.number().optional(),
    rootDiskMiB: z.number().optional(),
    nics: z.number().optional(),
    facts: z.array(fact).optional(),
  }),
});

/** Takes a free host that fits; asked again it gives the same. Publishes `hostId`. */
class ChooseHandler implements StepHandler {
  readonly kind = 'ssh.choose';
  readonly resumable = true;

  constructor(
    private readonly clouds: SshClouds,
    private readonly hosts: SshHosts,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud: name, claim, deploymentId, ...wanted } = chooseInput.parse(context.input);
    const cloud = await this.clouds.ssh(name);
    try {
      const host = await this.hosts.choose(cloud, { ...wanted, claim });
      if (!(await this.hosts.take(host, claim, deploymentId))) return { kind: 'again', afterMs: 200 };
      return { kind: 'done', outputs: { hostId: host.id }, note: `took ${nameOf(host)}` };
    } catch (error) {
      if (!(error instanceof MusterError) || error.kind !== 'conflict') throw error;
      for (const { at, message } of error.details) await context.log(`${at ?? ''}: ${message}\n`);
      return { kind: 'failed', failure: 'needs-operator', reason: error.message, hint: error.hint };
    }
  }
}

/** Looks at the host once more and lets the deployment's key in. Publishes what SSH needs. */
class AccessHandler implements StepHandler {
  readonly kind = 'ssh.access';
  readonly resumable = true;

  constructor(private readonly hosts: SshHosts) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { hostId, deploymentId, authorizedKeys } = z
      .object({ hostId: z.string(), deploymentId: z.string(), authorizedKeys: z.array(z.string()) })
      .parse(context.input);
    const host = await this.hosts.find(hostId);
    if (host === null) return { kind: 'failed', failure: 'permanent', reason: 'the host was removed from its cloud' };
    await this.hosts.with(host.cloud, host, async (shell) => {
      await readHostFacts(shell);
      await letIn(shell, deploymentId, authorizedKeys);
    });
    const { address, port, user } = host;
    return { kind: 'done', outputs: { name: hostName(host), address, port, user, hostKeys: keysOf(host) } };
  }
}

/** Takes the key away and the claim. `isLost`: nothing is asked of the host. */
class ReleaseHandler implements StepHandler {
  readonly kind = 'ssh.release';
  readonly resumable = true;

  constructor(
    private readonly clouds: SshClouds,
    private readonly hosts: SshHosts,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const {
      cloud: name,
      key,
      isLost,
    } = z.object({ cloud: z.string(), key: z.string(), isLost: z.boolean() }).parse(context.input);
    const deploymentId = context.subject.id;
    const cloud = await this.clouds.ssh(name);
    const held = await this.hosts.heldBy(cloud.id, deploymentId);
    const host = held.find(({ claim }) => claim === `${deploymentId}/${key}`);
    if (host === undefined) return { kind: 'done', note: 'no host is held for it' };
    if (!isLost) await this.hosts.with(cloud, host, (shell) => letIn(shell, deploymentId, []));
    await this.hosts.free(host.id, deploymentId, isLost);
    return { kind: 'done' };
  }
}

/**
 * Sets which keys of a deployment may log in as the user: lines with its mark are replaced, all others stay. The keys go
 * by standard input, so that nothing is read by a shell.
 */
async function letIn(shell: RemoteShell, deploymentId: string, keys: readonly string[]): Promise<void> {
  const mark = `muster-deployment:${deploymentId}`;
  const script = `set -eu
umask 077
mkdir -p ~/.ssh
file=~/.ssh/authorized_keys
new=$file.muster.$$
trap 'rm -f "$new"' EXIT
{ grep -v -F "$1" "$file" 2>/dev/null || true; cat; } > "$new"
mv -f "$new" "$file"
`;
  const lines = keys.map((key) => `${key.trim().split(/\s+/).slice(0, 2).join(' ')} ${mark}\n`).join('');
  const { code, stderr } = await shell.exec(['sh', '-c', script, 'sh', mark], { stdin: lines });
  if (code !== 0) throw new MusterError('unavailable', `cannot change authorized_keys on the host: ${stderr.trim()}`);
}
