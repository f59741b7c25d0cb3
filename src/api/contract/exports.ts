import { z } from 'zod';
import { route } from './route.js';

const exportedFile = z.object({
  path: z.string().describe('From the folder of the bundle'),
  text: z.string().nullable().describe('null: a secret, which was not asked for'),
  encoding: z.literal('base64').optional(),
  kind: z.enum(['role', 'value', 'secret']),
});

export const exportedBundle = z
  .object({
    text: z.string(),
    files: z.array(exportedFile).describe('What goes beside it: its own roles, and values that do not stand in it'),
  })
  .meta({ id: 'ExportedBundle' });
export type ExportedBundle = z.infer<typeof exportedBundle>;

/** Holds a private key: written where its owner alone can read it. */
export const deploymentReach = z
  .object({
    deployment: z.string(),
    cloud: z.string(),
    privateKey: z.string().describe('Of the client key that opens every node'),
    nodes: z.array(
      z.object({
        key: z.string(),
        name: z.string(),
        address: z.string(),
        host: z.string().describe('Where SSH reaches it'),
        port: z.number().int(),
        user: z.string(),
        hostKeys: z.array(z.string()).describe('OpenSSH public key lines; no other is to be taken'),
        on: z.string().nullable().describe('Key of the node that it is reached through'),
        cloneOf: z.string().nullable().describe('Key of the node that it is a copy of; null: its bundle names it'),
        units: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: 'DeploymentReach' });
export type DeploymentReach = z.infer<typeof deploymentReach>;

/** What a deployment gives to those who go on with it elsewhere. */
export const exportsRoutes = {
  bundle: route({
    id: 'deployments.export',
    method: 'POST',
    path: '/v1/deployments/:deployment/export',
    summary: 'A bundle that gives the same plan: overlays, settings and what they include are laid into it',
    role: 'operator',
    body: z.strictObject({
      withSecrets: z.boolean().default(false).describe('With the values of options whose role says they are secret'),
    }),
    response: exportedBundle,
  }),
  reach: route({
    id: 'deployments.reach',
    method: 'POST',
    path: '/v1/deployments/:deployment/reach',
    summary: 'What SSH needs to reach all its nodes: addresses, pinned host keys, client key',
    role: 'operator',
    response: deploymentReach,
  }),
};
