import { z } from 'zod';
import { bundleSource } from './bundle-source.js';
import { planReply } from './deployments.js';
import { route } from './route.js';
import { run } from './runs.js';

const wish = bundleSource.extend({
  settings: z
    .array(
      z.strictObject({ application: z.string().max(200), option: z.string().max(200), value: z.string().max(65_536) }),
    )
    .max(500)
    .default([])
    .describe('Laid over the bundle that is given, or over that of the deployment'),
  rollback: z.boolean().default(false).describe('Back to the version of the deployment before'),
  batch: z.number().int().min(1).max(1000).default(1).describe('Units of an application at once, within a domain'),
});

const isOne = ({ bundle, files, settings, rollback }: z.infer<typeof wish>) =>
  !rollback || (bundle === undefined && files.length === 0 && settings.length === 0);
const onlyOne = 'a rollback goes to what was: give neither a bundle nor settings';

export const upgradeReply = planReply
  .extend({
    stages: z
      .array(
        z.object({
          domain: z.string().describe('The failure domain: `zone rack-1`, or `node 0` where no zone is known'),
          application: z.string(),
          units: z.array(z.object({ unit: z.string(), node: z.string(), steps: z.array(z.string()) })),
          checks: z.array(z.string()).describe('What has to pass before the next begins'),
        }),
      )
      .describe('In order'),
  })
  .meta({ id: 'UpgradePlan' });
export type UpgradeReply = z.infer<typeof upgradeReply>;

/** One failure domain at a time. */
export const upgradesRoutes = {
  plan: route({
    id: 'deployments.plan-upgrade',
    method: 'POST',
    path: '/v1/deployments/:deployment/upgrades/plan',
    summary: 'What an upgrade would do, in which order; nothing is',
    role: 'viewer',
    body: wish.refine(isOne, onlyOne),
    response: upgradeReply,
  }),
  upgrade: route({
    id: 'deployments.upgrade',
    method: 'POST',
    path: '/v1/deployments/:deployment/upgrades',
    summary: 'Upgrades one failure domain at a time, and stops at the first check that fails',
    role: 'operator',
    body: wish
      .extend({ planHash: z.string().optional().describe('Refuse where the plan is not this one any more') })
      .refine(isOne, onlyOne),
    response: z.object({ run }),
    status: 202,
  }),
};
