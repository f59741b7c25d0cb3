import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { probeHostKey } from '../../platform/remote/index.js';
import type { LxdClouds } from './lxd-cloud.js';
import type { LxdClient } from './lxd-client.js';

const startInput = z.object({
  cloud: z.string(),
  name: z.string(),
  hostKeys: z.array(z.string()).min(1),
  sshPort: z.number(),
});
const state = z.object({
  status: z.string(),
  network: z
    .record(
      z.string(),
      z.object({ addresses: z.array(z.object({ family: z.string(), address: z.string(), scope: z.string() })) }),
    )
    .nullish(),
});

const POLL_MS = 500;
const PROBE_MS = 3000;

/** Starts a container and waits until it answers SSH with the host key that it was given. Publishes `address`. */
export class StartHandler implements StepHandler {
  readonly kind = 'lxd.start';
  readonly resumable = true;

  constructor(
    private readonly clouds: LxdClouds,
    private readonly probe: typeof probeHostKey = probeHostKey,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud: cloudName, name, hostKeys, sshPort } = startInput.parse(context.input);
    const cloud = await this.clouds.lxd(cloudName);
    const client = await cloud.client();
    const url = `/1.0/instances/${name}/state`;
    let now = await client.get(url, state, context.signal);
    if (now.status !== 'Running') {
      await client
        .change('PUT', url, { action: 'start', timeout: 60 }, context.signal)
        .catch(async (error: unknown) => {
          await tellWhy(client, context, name);
          throw error;
        });
      now = await client.get(url, state, context.signal);
    }
    const address = addressOf(now);
    if (address === null) return { kind: 'again', afterMs: POLL_MS };
    const found = await this.probe({ host: cloud.sshHost ?? address, port: sshPort, hostKeys }, PROBE_MS);
    if (found.kind === 'pinned') return { kind: 'done', outputs: { address } };
    if (found.kind === 'unreachable') return { kind: 'again', afterMs: POLL_MS };
    return {
      kind: 'failed',
      failure: 'needs-operator',
      reason: `${address} shows another host key than ${name} was given`,
      hint: 'find out who answers at that address; then muster retry',
    };
  }
}

function addressOf({ network }: z.infer<typeof state>): string | null {
  const addresses = network?.eth0?.addresses ?? [];
  return addresses.find(({ family, scope }) => family === 'inet' && scope === 'global')?.address ?? null;
}

/** What LXC wrote when it could not start it: LXD's own answer only says that it could not. */
async function tellWhy(client: LxdClient, context: StepContext, name: string): Promise<void> {
  const log = await client.text(`/1.0/instances/${name}/logs/lxc.log`, context.signal).catch(() => '');
  const last = log.trim().split('\n').slice(-10);
  if (log.trim() !== '') await context.log(`${last.join('\n')}\n`);
}
