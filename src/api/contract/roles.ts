import { z } from 'zod';
import { actionParam } from './actions.js';
import { bundleFile } from './bundle-source.js';
import { diagnostic } from './deployments.js';
import { route } from './route.js';

export const roleSummary = z
  .object({
    name: z.string(),
    summary: z.string(),
    /** It rides on the units of others. */
    subordinate: z.boolean(),
    bases: z.array(z.string()),
  })
  .meta({ id: 'RoleSummary' });

const endpoint = z.object({ name: z.string(), interface: z.string() });

export const roleDetail = roleSummary
  .extend({
    options: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        default: z.union([z.string(), z.number(), z.boolean()]).nullable(),
        choices: z.array(z.string()),
        secret: z.boolean(),
        description: z.string(),
      }),
    ),
    requires: z.array(endpoint),
    provides: z.array(endpoint),
    peers: z.array(endpoint),
    steps: z.array(
      z.object({ name: z.string(), title: z.string().nullable(), on: z.enum(['apply', 'verify', 'remove']) }),
    ),
    actions: z.array(z.object({ name: z.string(), summary: z.string(), params: z.array(actionParam) })),
    /** The bundle that `muster roles test` lays down, where the role has one of its own. */
    test: z.string().nullable(),
  })
  .meta({ id: 'RoleDetail' });
export type RoleDetail = z.infer<typeof roleDetail>;

export const rolesRoutes = {
  list: route({
    id: 'roles.list',
    method: 'GET',
    path: '/v1/roles',
    summary: 'Roles that muster ships',
    role: 'viewer',
    response: z.object({ items: z.array(roleSummary) }),
  }),
  show: route({
    id: 'roles.show',
    method: 'GET',
    path: '/v1/roles/:role',
    summary: 'One of them: its options, endpoints and steps',
    role: 'viewer',
    response: roleDetail,
  }),
  inspect: route({
    id: 'roles.inspect',
    method: 'POST',
    path: '/v1/roles/inspect',
    summary: 'A role that is not of the library, by its files, and all its problems; changes nothing',
    role: 'viewer',
    body: z.strictObject({
      role: z.string().min(1).max(200).describe('Its folder among the files is `roles/<role>/`'),
      files: z.array(bundleFile).min(1).max(500),
    }),
    response: z.object({
      role: roleDetail.nullable().describe('null: it has errors'),
      diagnostics: z.array(diagnostic),
    }),
  }),
};
