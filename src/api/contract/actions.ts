import { z } from 'zod';
import { route } from './route.js';
import { run } from './runs.js';

export const actionParam = z.object({
  name: z.string(),
  type: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]).nullable(),
  choices: z.array(z.string()),
  description: z.string(),
  required: z.boolean(),
  secret: z.boolean(),
});
export type ActionParam = z.infer<typeof actionParam>;

export const deploymentAction = z
  .object({
    application: z.string(),
    action: z.string(),
    summary: z.string(),
    params: z.array(actionParam),
    units: z.array(z.string()).describe('Those of the application that stand'),
    leader: z.boolean().describe('On unit 0 alone'),
    destructive: z.boolean(),
  })
  .meta({ id: 'Action' });
export type DeploymentAction = z.infer<typeof deploymentAction>;

/** What roles do on request. */
export const actionsRoutes = {
  list: route({
    id: 'actions.list',
    method: 'GET',
    path: '/v1/deployments/:deployment/actions',
    summary: 'What its applications do on request',
    role: 'viewer',
    query: z.strictObject({ application: z.string().max(200).optional() }),
    response: z.object({ items: z.array(deploymentAction) }),
  }),
  run: route({
    id: 'actions.run',
    method: 'POST',
    path: '/v1/deployments/:deployment/actions',
    summary: 'Has a unit, or all of an application, do an action of its role',
    role: 'operator',
    body: z.strictObject({
      target: z.string().min(1).max(200).describe('A unit, or an application for all of its units'),
      action: z.string().min(1).max(200),
      params: z
        .record(z.string().max(200), z.string().max(65_536))
        .default({})
        .describe('As written; kept with the run and in the audit, but for secret ones, which are sealed'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
};
