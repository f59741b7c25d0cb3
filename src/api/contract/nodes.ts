import { z } from 'zod';
import { planReply } from './deployments.js';
import { route } from './route.js';
import { run } from './runs.js';

const nodeName = z.string().min(1).max(200);
const moveWish = z.strictObject({
  node: nodeName.optional().describe('This container, by its key or name'),
  evacuate: nodeName.optional().describe('All containers on this node'),
  to: nodeName.optional().describe('The node that takes them; default: the one with the fewest'),
});

/** What is done to containers on nodes. */
export const nodesRoutes = {
  snapshot: route({
    id: 'nodes.snapshot',
    method: 'POST',
    path: '/v1/deployments/:deployment/nodes/:node/snapshots',
    summary: 'Takes, restores or deletes a snapshot of a container on a node (`/` in the node as `~`)',
    role: 'operator',
    body: z.strictObject({
      action: z.enum(['create', 'restore', 'delete']),
      snapshot: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'small letters, digits, dots and hyphens'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
  clone: route({
    id: 'nodes.clone',
    method: 'POST',
    path: '/v1/deployments/:deployment/nodes/:node/clones',
    summary: 'Copies a container on its host, with an identity of its own; it is started with SSH alone',
    role: 'operator',
    body: z.strictObject({
      name: z
        .string()
        .regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/, 'small letters, digits and hyphens, 32 at most')
        .default('clone'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
  delete: route({
    id: 'nodes.delete',
    method: 'DELETE',
    path: '/v1/deployments/:deployment/nodes/:node',
    summary: 'Deletes a clone',
    role: 'operator',
    response: z.object({ run }),
    status: 202,
  }),
  planMove: route({
    id: 'nodes.plan-move',
    method: 'POST',
    path: '/v1/deployments/:deployment/moves/plan',
    summary: 'What moving a container, or all of a node, to another node would do; nothing is',
    role: 'viewer',
    body: moveWish,
    response: planReply.omit({ diagnostics: true, diff: true, estimate: true }),
  }),
  move: route({
    id: 'nodes.move',
    method: 'POST',
    path: '/v1/deployments/:deployment/moves',
    summary: 'Moves a container, or all of a node, to another node: each is stopped, sent and started there',
    role: 'operator',
    body: moveWish.extend({
      planHash: z.string().optional().describe('Refuse where the plan is not this one any more'),
    }),
    response: z.object({ run }),
    status: 202,
  }),
};
