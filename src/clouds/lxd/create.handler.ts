import { isIPv4 } from 'node:net';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { instanceBody, KEY, OWNER, PREPARED, type InstanceWish } from './instance.js';
import type { LxdCloud, LxdClouds } from './lxd-cloud.js';
import type { LxdClient } from './lxd-client.js';
import { prepareFiles } from './node-files.js';

const createInput = z.object({
  cloud: z.string(),
  alias: z.string(),
  authorizedKeys: z.array(z.string()),
  wish: z.object({
    name: z.string(),
    deploymentId: z.string(),
    key: z.string(),
    constraints: z.object({
      cores: z.number().optional(),
      memMiB: z.number().optional(),
      rootDiskMiB: z.number().optional(),
    }),
    container: z.object({ nesting: z.boolean(), privileged: z.boolean() }),
  }),
});

const instance = z.object({
  config: z.record(z.string(), z.string()),
  devices: z.record(z.string(), z.record(z.string(), z.string())).default({}),
});
const resources = z.object({ cpu: z.object({ total: z.number() }) });

/** Ports of a remote LXD's computer that lead to the SSH servers of its nodes, from here on. */
const FIRST_PORT = 22_000;

/** Makes a container and what it needs to be a node, and does not start it. Publishes `hostKeys`, `sshPort`. */
export class CreateHandler implements StepHandler {
  readonly kind = 'lxd.create';
  readonly resumable = true;

  constructor(private readonly clouds: LxdClouds) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud: cloudName, wish, alias, authorizedKeys } = createInput.parse(context.input);
    const cloud = await this.clouds.lxd(cloudName);
    const client = await cloud.client();
    const { signal } = context;
    const url = `/1.0/instances/${wish.name}`;
    const found = await client.find(url, instance, signal);
    if (found !== null && !isOurs(found.config, wish)) return taken(wish.name, cloudName);
    if (found === null) await this.create(client, cloud, wish, alias, signal);
    const hostKey = await prepareFiles(client, wish, authorizedKeys, signal);
    await client.change('PATCH', url, { config: { [PREPARED]: 'true' } }, signal);
    const sshPort = await this.sshPort(client, cloud, url, signal);
    return { kind: 'done', outputs: { hostKeys: [hostKey], sshPort } };
  }

  /** Its own, or one of its host's that leads to it. */
  private async sshPort(client: LxdClient, cloud: LxdCloud, url: string, signal: AbortSignal): Promise<number> {
    if (cloud.sshHost === null) return 22;
    const { devices } = await client.get(url, instance, signal);
    const known = portOf(devices.ssh);
    if (known !== null) return known;
    const all = await client
      .within(null)
      .get('/1.0/instances?recursion=1&all-projects=true', z.array(instance), signal);
    const taken = new Set(all.flatMap((each) => Object.values(each.devices).map(portOf)));
    let port = FIRST_PORT;
    while (taken.has(port)) port += 1;
    const listen = `tcp:${isIPv4(cloud.sshHost) ? cloud.sshHost : '0.0.0.0'}:${port}`;
    const ssh = { type: 'proxy', listen, connect: 'tcp:127.0.0.1:22' };
    await client.change('PATCH', url, { devices: { ...devices, ssh } }, signal);
    return port;
  }

  private async create(client: LxdClient, cloud: LxdCloud, wish: InstanceWish, alias: string, signal: AbortSignal) {
    const { cpu } = await client.get('/1.0/resources', resources, signal);
    const body = instanceBody(wish, { alias, hostCores: cpu.total, pool: cloud.settings.pool });
    await client.change('POST', '/1.0/instances', body, signal);
  }
}

function portOf(device: Record<string, string> | undefined): number | null {
  const [, port] = /^tcp:.*:(\d+)$/.exec(device?.type === 'proxy' ? (device.listen ?? '') : '') ?? [];
  return port === undefined ? null : Number(port);
}

function isOurs(config: Record<string, string>, wish: InstanceWish): boolean {
  return config[OWNER] === wish.deploymentId && config[KEY] === wish.key;
}

function taken(name: string, cloud: string): StepOutcome {
  return {
    kind: 'failed',
    failure: 'needs-operator',
    reason: `there is another container named ${name} on ${cloud}`,
    hint: 'delete it, or bring the bundle up under another name (--name); then muster retry',
  };
}
