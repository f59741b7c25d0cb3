import { z } from 'zod';
import { planReply } from './deployments.js';
import { route } from './route.js';
import { run } from './runs.js';

const setting = z.strictObject({
  application: z.string().min(1).max(200),
  option: z.string().min(1).max(200).describe('An option of its role, or `num_units`'),
  value: z
    .string()
    .max(64 * 1024)
    .describe('As written in a bundle'),
});
export type Setting = z.infer<typeof setting>;

const settings = z.array(setting).max(1000).default([]).describe('Laid over the bundle, and kept until the next `up`');

const replace = z
  .array(z.string().max(200))
  .max(1000)
  .default([])
  .describe('Keys of nodes that are lost: let go unreached, and others made in their place');

/** What is done to a deployment that is there. */
export const changesRoutes = {
  plan: route({
    id: 'deployments.plan-change',
    method: 'POST',
    path: '/v1/deployments/:deployment/changes/plan',
    summary: 'What these settings would change; without any: what its bundle wants otherwise than it stands',
    role: 'viewer',
    body: z.strictObject({ settings, replace }),
    response: planReply,
  }),
  apply: route({
    id: 'deployments.change',
    method: 'POST',
    path: '/v1/deployments/:deployment/changes',
    summary: 'Sets options and numbers of units, and applies the difference',
    role: 'operator',
    body: z.strictObject({
      settings,
      replace,
      again: z.boolean().default(false).describe('Run what is laid down already once more, where it may be repeated'),
      action: z.enum(['set', 'scale', 'apply', 'replace']).default('set').describe('What the run is called'),
      planHash: z.string().optional().describe('Refuse where the plan is not this one any more'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
};
