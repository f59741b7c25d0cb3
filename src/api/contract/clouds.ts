import { z } from 'zod';
import { name } from './primitives.js';
import { route } from './route.js';

export const cloud = z
  .object({
    name: z.string(),
    kind: z.enum(['metal', 'localhost', 'lxd', 'ssh']),
    what: z.string().describe('Where it is, or how many hosts it has'),
  })
  .meta({ id: 'Cloud' });
export type CloudView = z.infer<typeof cloud>;

const hostPlace = z.strictObject({
  address: z
    .string()
    .min(1)
    .max(253)
    .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'use a host name or an address'),
  port: z.number().int().min(1).max(65535).default(22),
});

const newHost = hostPlace.extend({
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/)
    .default('root'),
  hostKeys: z
    .array(z.string().max(2000))
    .min(1)
    .max(10)
    .describe('OpenSSH lines; a host that shows another is refused'),
});

const newSsh = z.strictObject({
  name,
  kind: z.literal('ssh'),
  hosts: z.array(newHost).min(1).max(1000),
  privateKey: z
    .string()
    .max(20_000)
    .optional()
    .describe('OpenSSH or PEM; without it muster makes a key and shows its public half'),
});

const newLxd = z.strictObject({
  name,
  kind: z.literal('lxd'),
  token: z.string().min(1).max(10_000).describe('Of `lxc config trust add`'),
  url: z.string().max(300).optional().describe('https://host:8443; default: the addresses in the token'),
  project: z.string().max(63).default('muster'),
  bridge: z.string().max(15).default('muster0'),
  address: z.string().max(18).default('10.178.0.1/22').describe("The bridge's address"),
  pool: z.string().max(63).default('muster'),
  poolDriver: z.enum(['dir', 'btrfs', 'zfs', 'lvm']).default('dir'),
});

const shownKey = hostPlace.extend({
  hostKey: z.string().nullable(),
  fingerprint: z.string().nullable(),
  problem: z.string().nullable(),
});

export const cloudsRoutes = {
  list: route({
    id: 'clouds.list',
    method: 'GET',
    path: '/v1/clouds',
    summary: 'Where nodes can come from',
    role: 'viewer',
    response: z.object({ items: z.array(cloud) }),
  }),
  add: route({
    id: 'clouds.add',
    method: 'POST',
    path: '/v1/clouds',
    summary: 'Adds a list of hosts (ssh) or an LXD elsewhere (lxd); keys are sealed and never shown',
    role: 'admin',
    body: z.discriminatedUnion('kind', [newSsh, newLxd]),
    response: z.object({
      cloud,
      publicKey: z.string().nullable().describe('For ssh: must be among the authorized keys on every host'),
    }),
    status: 201,
  }),
  hostKeys: route({
    id: 'clouds.host-keys',
    method: 'POST',
    path: '/v1/host-keys',
    summary: 'The SSH host keys that hosts show, for an operator to compare; nothing is trusted by it',
    role: 'admin',
    body: z.strictObject({ hosts: z.array(hostPlace).min(1).max(200) }),
    response: z.object({ items: z.array(shownKey) }),
  }),
  check: route({
    id: 'clouds.check',
    method: 'POST',
    path: '/v1/clouds/:cloud/check',
    summary: 'Whether nodes could be made there now; looks at every host of a list again',
    role: 'operator',
    response: z.object({
      ok: z.boolean(),
      findings: z.array(z.object({ ok: z.boolean(), what: z.string(), message: z.string() })),
    }),
  }),
  acceptKey: route({
    id: 'clouds.accept-key',
    method: 'POST',
    path: '/v1/clouds/:cloud/accept-key',
    summary: 'Holds a host to the key that it shows now, which has to be one of those given for it',
    role: 'admin',
    body: hostPlace,
    response: z.object({ host: z.string(), fingerprint: z.string() }),
  }),
  remove: route({
    id: 'clouds.remove',
    method: 'DELETE',
    path: '/v1/clouds/:cloud',
    summary: 'Forgets a cloud that nothing is deployed on',
    role: 'admin',
  }),
};
