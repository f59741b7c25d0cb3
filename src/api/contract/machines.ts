import { z } from 'zod';
import { anyObject, flag, id, mac, name, pageOf, pageQuery, tag, time } from './primitives.js';
import { route } from './route.js';
import { run } from './runs.js';

export const machineState = z.enum([
  'declared',
  'new',
  'commissioning',
  'ready',
  'acquired',
  'deploying',
  'deployed',
  'releasing',
  'erasing',
  'rescue',
  'testing',
  'broken',
  'retired',
]);

export const machine = z
  .object({
    id,
    name: z.string(),
    state: machineState,
    /** The last operation failed; `reason` says why. */
    failed: z.boolean(),
    reason: z.string().nullable(),
    accepted: z.boolean(),
    pool: z.string(),
    zone: z.string(),
    tags: z.array(z.string()),
    note: z.string(),
    uuid: z.string().nullable(),
    macs: z.array(z.string()),
    address: z.string().nullable(),
    architecture: z.string().nullable(),
    cores: z.number().int().nullable(),
    memoryMegabytes: z.number().nullable(),
    diskBytes: z.array(z.number()),
    power: z.object({ driver: z.string().nullable(), state: z.enum(['on', 'off', 'unknown']) }),
    deployment: z.string().nullable(),
    image: z.string().nullable(),
    runId: z.string().nullable(),
    version: z.number().int(),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Machine' });
export type Machine = z.infer<typeof machine>;

export const machineDetail = machine
  .extend({
    facts: anyObject.nullable(),
    powerParameters: z.record(z.string(), z.string()).describe('Without the secret ones'),
    hostKeys: z.array(z.string()),
  })
  .meta({ id: 'MachineDetail' });
export type MachineDetail = z.infer<typeof machineDetail>;

const power = z.strictObject({
  driver: z.string().min(1).max(64).describe('`qemu`, `ipmi`, `redfish`, `wake-on-lan`, `webhook`, `manual`'),
  parameters: z
    .record(z.string().max(64), z.string().max(8192))
    .default({})
    .describe('As the driver names them; secret ones are sealed and never shown again'),
});

const declareBody = z.strictObject({
  name,
  power,
  macs: z.array(mac).max(64).default([]),
  uuid: z.uuid().optional(),
  architecture: z.string().max(16).optional(),
  pool: tag.optional(),
  zone: tag.optional(),
  tags: z.array(tag).max(100).default([]),
});

const updateBody = z
  .strictObject({
    power: power.optional(),
    pool: tag.optional(),
    zone: tag.optional(),
    note: z.string().max(4000).optional(),
    menu: z.boolean().optional().describe('Show the boot menu'),
    addTags: z.array(tag).max(100).optional(),
    removeTags: z.array(tag).max(100).optional(),
  })
  .refine((body) => Object.keys(body).length > 0, 'say what to change');

export const bootEvent = z
  .object({
    at: time,
    stage: z.string(),
    message: z.string(),
    address: z.string().nullable(),
    details: anyObject,
  })
  .meta({ id: 'BootEvent' });
export type BootEvent = z.infer<typeof bootEvent>;

/** Something that happened to a machine, or that somebody did to it. */
export const machineEvent = z
  .object({
    id: z.string(),
    at: time,
    kind: z.string().describe('`state`, `enlisted`, `accepted`, `mac-conflict`, `nonce-replayed`, …'),
    level: z
      .enum(['info', 'warning', 'question', 'alert'])
      .describe('`question`: somebody should look and decide; `alert`: somebody may be attacking'),
    message: z.string(),
    actor: z.string(),
    details: anyObject,
  })
  .meta({ id: 'MachineEvent' });
export type MachineEvent = z.infer<typeof machineEvent>;

/** Everything seen of one machine between power-on and "up". */
export const bootSession = z
  .object({
    id,
    machine: z.string().nullable(),
    mac: z.string(),
    startedAt: time,
    lastAt: time,
    /** The last stage that was reached. */
    stage: z.string().nullable(),
    /** Why it stopped, where it did. */
    stallReason: z.string().nullable(),
    events: z.array(bootEvent),
  })
  .meta({ id: 'BootSession' });
export type BootSession = z.infer<typeof bootSession>;

/** Image as people name it: `debian@12`, `debian@12/amd64`, or an id. */
const imageName = z.string().min(1).max(200);
const started = z.object({ run }).describe('The run that does it');

const deployBody = z.strictObject({
  image: imageName.optional(),
  layout: z.enum(['flat', 'lvm']).default('flat'),
  toRam: z.boolean().default(false).describe('Leave the disks alone'),
  disk: z.string().max(200).optional().describe('Default: the smallest that is large enough'),
  sshKeys: z.array(z.string().max(16384)).max(100).default([]),
  userData: z
    .string()
    .max(65_536)
    .optional()
    .describe(
      "For cloud-init, beside muster's own: #cloud-config, a script, …; sealed, and given to this machine alone",
    ),
});

export const machinesRoutes = {
  list: route({
    id: 'machines.list',
    method: 'GET',
    path: '/v1/machines',
    summary: 'Machines, by name',
    role: 'viewer',
    pooled: true,
    query: pageQuery.extend({
      state: machineState.optional(),
      pool: tag.optional(),
      zone: tag.optional(),
      tag: tag.optional(),
      failed: flag.optional(),
    }),
    response: pageOf(machine),
  }),
  show: route({
    id: 'machines.show',
    method: 'GET',
    path: '/v1/machines/:machine',
    summary: 'One machine (by name or id) with its facts',
    role: 'viewer',
    pooled: true,
    response: machineDetail,
  }),
  declare: route({
    id: 'machines.declare',
    method: 'POST',
    path: '/v1/machines',
    summary: 'Records a machine before it was ever seen',
    role: 'operator',
    pooled: true,
    body: declareBody,
    response: machine,
    status: 201,
  }),
  update: route({
    id: 'machines.update',
    method: 'PATCH',
    path: '/v1/machines/:machine',
    summary: 'Changes power record, pool, zone, tags or note',
    role: 'operator',
    pooled: true,
    body: updateBody,
    response: machine,
  }),
  delete: route({
    id: 'machines.delete',
    method: 'DELETE',
    path: '/v1/machines/:machine',
    summary: 'Forgets a machine; its disks are left as they are',
    role: 'operator',
    pooled: true,
  }),
  accept: route({
    id: 'machines.accept',
    method: 'POST',
    path: '/v1/machines/:machine/accept',
    summary: 'Lets muster own this machine',
    role: 'operator',
    pooled: true,
    response: machine,
  }),
  commission: operation(
    'commission',
    'Takes the facts and tests the hardware',
    z.strictObject({ tests: z.boolean().default(true) }),
  ),
  deploy: operation('deploy', 'Puts an operating system on it; its disk is overwritten', deployBody),
  release: operation(
    'release',
    'Takes the machine back; its disk is erased',
    z.strictObject({ erase: z.enum(['quick', 'secure', 'full']).default('quick') }),
  ),
  rescue: operation(
    'rescue',
    'Boots it into memory for repair, disks untouched',
    z.strictObject({ sshKeys: z.array(z.string().max(16384)).max(100).default([]) }),
  ),
  exitRescue: operation('exit-rescue', 'Boots it from its disk again', z.strictObject({})),
  test: operation(
    'test',
    'Tests memory and disks',
    z.strictObject({
      tests: z
        .array(z.enum(['memory', 'disk']))
        .min(1)
        .default(['memory', 'disk']),
    }),
  ),
  abort: route({
    id: 'machines.abort',
    method: 'POST',
    path: '/v1/machines/:machine/abort',
    summary: 'Stops what it is doing',
    role: 'operator',
    pooled: true,
    response: machine,
  }),
  retry: operation('retry', 'Goes on with the operation that failed', z.strictObject({})),
  markBroken: route({
    id: 'machines.mark-broken',
    method: 'POST',
    path: '/v1/machines/:machine/mark-broken',
    summary: 'Takes it out of use',
    role: 'operator',
    pooled: true,
    body: z.strictObject({ why: z.string().min(1).max(1000) }),
    response: machine,
  }),
  markFixed: operation('mark-fixed', 'Puts it to use again: its disks are erased first', z.strictObject({})),
  power: route({
    id: 'machines.power',
    method: 'POST',
    path: '/v1/machines/:machine/power',
    summary: 'Switches it',
    role: 'operator',
    pooled: true,
    body: z.strictObject({ action: z.enum(['on', 'off', 'cycle']) }),
    response: z.object({ state: z.enum(['on', 'off', 'unknown']) }),
  }),
  powerStatus: route({
    id: 'machines.power-status',
    method: 'GET',
    path: '/v1/machines/:machine/power',
    summary: 'Asks its power driver',
    role: 'viewer',
    pooled: true,
    response: z.object({ state: z.enum(['on', 'off', 'unknown']) }),
  }),
  bootSessions: route({
    id: 'machines.boot-sessions',
    method: 'GET',
    path: '/v1/machines/:machine/boot-sessions',
    summary: 'What was seen of it on its way up, newest first',
    role: 'viewer',
    pooled: true,
    query: z.object({ limit: z.coerce.number().int().min(1).max(50).default(5) }),
    response: z.object({ items: z.array(bootSession) }),
  }),
  events: route({
    id: 'machines.events',
    method: 'GET',
    path: '/v1/machines/:machine/events',
    summary: 'What happened to it and who did it, oldest first',
    role: 'viewer',
    pooled: true,
    query: z.object({
      after: z
        .string()
        .regex(/^\d{1,18}$/)
        .default('0')
        .describe('Only those after the event of this id'),
      limit: z.coerce.number().int().min(1).max(1000).default(500),
    }),
    response: z.object({ items: z.array(machineEvent) }),
  }),
};

function operation<const Name extends string, Body extends z.ZodObject>(
  operationName: Name,
  summary: string,
  body: Body,
) {
  return route({
    id: `machines.${operationName}`,
    method: 'POST',
    path: `/v1/machines/:machine/${operationName}`,
    summary,
    role: 'operator',
    pooled: true,
    body,
    response: started,
    status: 202,
  });
}

const endpoint = {
  name: z.string(),
  host: z.string(),
  port: z.number().int(),
  user: z.string(),
  hostKeys: z.array(z.string()),
  privateKey: z.string(),
};

/** Holds a private key: kept in a private temporary folder for as long as `ssh` runs, and nowhere else. */
export const connection = z
  .object({ ...endpoint, via: z.object(endpoint).optional().describe('The node that it is reached through') })
  .meta({ id: 'Connection' });
export type Connection = z.infer<typeof connection>;

export const acceptRule = z
  .object({
    id,
    name: z.string(),
    condition: z.string(),
    createdBy: z.string(),
    createdAt: time,
  })
  .meta({ id: 'AcceptRule' });

export const acceptRulesRoutes = {
  list: route({
    id: 'accept-rules.list',
    method: 'GET',
    path: '/v1/accept-rules',
    summary: 'Which machines are accepted without asking',
    role: 'viewer',
    response: z.object({ items: z.array(acceptRule) }),
  }),
  create: route({
    id: 'accept-rules.create',
    method: 'POST',
    path: '/v1/accept-rules',
    summary: 'Accepts machines that fit',
    role: 'admin',
    body: z.strictObject({
      name,
      condition: z
        .string()
        .min(1)
        .max(2000)
        .describe('`any`, `declared`, `macs ^= 52:54:00 and facts.memoryMegabytes >= 4096`, …'),
    }),
    response: acceptRule,
    status: 201,
  }),
  delete: route({
    id: 'accept-rules.delete',
    method: 'DELETE',
    path: '/v1/accept-rules/:rule',
    summary: 'Removes a rule',
    role: 'admin',
  }),
};
