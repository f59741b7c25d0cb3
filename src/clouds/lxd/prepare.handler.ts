import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { LxdClouds } from './lxd-cloud.js';
import { prepareLxd, trustedServer } from './lxd-setup.js';

/** Brings an LXD to where it can hold our nodes. Again: nothing is changed. */
export class PrepareHandler implements StepHandler {
  readonly kind = 'lxd.prepare';

  constructor(private readonly clouds: LxdClouds) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { cloud: name } = z.object({ cloud: z.string() }).parse(context.input);
    const cloud = await this.clouds.lxd(name);
    await cloud.prepareHost?.((line) => context.log(`${line}\n`), context.signal);
    const client = await cloud.client();
    const server = await trustedServer(client, context.signal);
    const made = await prepareLxd(client, cloud.settings, context.signal);
    for (const each of made) await context.log(`made ${each}\n`);
    return { kind: 'done', outputs: { server }, ...(made.length === 0 ? { note: `${server}, ready` } : {}) };
  }
}
