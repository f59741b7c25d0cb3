import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { OWNER } from './instance.js';
import type { LxdClouds } from './lxd-cloud.js';

const instance = z.object({ status: z.string(), config: z.record(z.string(), z.string()) });

/** Ends a container of ours, however far it came. */
export class DeleteHandler implements StepHandler {
  readonly kind = 'lxd.delete';
  readonly resumable = true;

  constructor(private readonly clouds: LxdClouds) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud, name } = z.object({ cloud: z.string(), name: z.string() }).parse(context.input);
    const client = await (await this.clouds.lxd(cloud)).client();
    const url = `/1.0/instances/${name}`;
    const found = await client.find(url, instance, context.signal);
    if (found === null) return { kind: 'done', note: 'it is gone already' };
    if (found.config[OWNER] !== context.subject.id) {
      return { kind: 'failed', failure: 'permanent', reason: `container ${name} belongs to another deployment` };
    }
    if (found.status !== 'Stopped') {
      await client.change('PUT', `${url}/state`, { action: 'stop', force: true, timeout: 60 }, context.signal);
    }
    await client.delete(url, context.signal);
    return { kind: 'done' };
  }
}
