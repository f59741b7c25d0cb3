import { z } from 'zod';
import { address, id, mac, name, pageOf, pageQuery, time } from './primitives.js';
import { route } from './route.js';

const cidr = z.cidrv4();
export const dhcpMode = z.enum(['serve', 'proxy', 'off']);

/** `10.0.0.10-10.0.0.99` */
const range = z.string().regex(/^[0-9.]+-[0-9.]+$/, 'name it as 10.0.0.10-10.0.0.99');

const subnetSettings = {
  gateway: z.ipv4().nullable(),
  dns: z.array(z.ipv4()).max(8),
  mode: dhcpMode.describe('Give addresses, stand beside another DHCP server, or keep silent'),
  dynamicRanges: z.array(range).max(100).describe('Where addresses are taken from'),
  reservedRanges: z.array(range).max(100).describe('Kept out of the dynamic ranges'),
  vlan: z.number().int().min(1).max(4094).nullable(),
  leaseSeconds: z.number().int().min(60),
  space: z.string().max(63).nullable(),
  unknownMachines: z.enum(['enlist', 'menu', 'ignore']).describe('What a machine that nobody knows is answered'),
  options: z
    .array(
      z.strictObject({
        code: z.number().int().min(1).max(254),
        hex: z.string().regex(/^([0-9a-f]{2}){0,255}$/, 'use hexadecimal digits'),
      }),
    )
    .max(100)
    .describe('DHCP options added to every reply'),
};

export const subnet = z
  .object({ id, name: z.string(), cidr, ...subnetSettings, createdAt: time })
  .meta({ id: 'Subnet' });
export type Subnet = z.infer<typeof subnet>;

const changes = z.object(subnetSettings).partial();

export const reservation = z
  .object({
    id,
    subnet: z.string(),
    address,
    mac: z.string().nullable(),
    clientId: z.string().nullable(),
    hostname: z.string().nullable(),
  })
  .meta({ id: 'Reservation' });

export const lease = z
  .object({
    subnet: z.string(),
    address,
    mac: z.string().nullable(),
    clientId: z.string().nullable(),
    hostname: z.string().nullable(),
    state: z.string(),
    grantedAt: time,
    expiresAt: time,
  })
  .meta({ id: 'Lease' });

export const subnetsRoutes = {
  list: route({
    id: 'subnets.list',
    method: 'GET',
    path: '/v1/subnets',
    summary: 'Subnets',
    role: 'viewer',
    pooled: true,
    response: z.object({ items: z.array(subnet) }),
  }),
  show: route({
    id: 'subnets.show',
    method: 'GET',
    path: '/v1/subnets/:subnet',
    summary: 'One subnet (by name or id)',
    role: 'viewer',
    pooled: true,
    response: subnet,
  }),
  create: route({
    id: 'subnets.create',
    method: 'POST',
    path: '/v1/subnets',
    summary: 'Makes a subnet known',
    role: 'admin',
    body: z.strictObject({ name, cidr, ...changes.shape }),
    response: subnet,
    status: 201,
  }),
  update: route({
    id: 'subnets.update',
    method: 'PATCH',
    path: '/v1/subnets/:subnet',
    summary: 'Changes a subnet',
    role: 'admin',
    body: z
      .strictObject({ name: name.optional(), ...changes.shape })
      .refine((body) => Object.keys(body).length > 0, 'say what to change'),
    response: subnet,
  }),
  delete: route({
    id: 'subnets.delete',
    method: 'DELETE',
    path: '/v1/subnets/:subnet',
    summary: 'Forgets a subnet with its leases and reservations',
    role: 'admin',
  }),
  snippet: route({
    id: 'subnets.snippet',
    method: 'GET',
    path: '/v1/subnets/:subnet/snippet',
    summary: 'What another DHCP server needs to boot machines from here',
    role: 'viewer',
    query: z.object({ for: z.enum(['kea', 'isc', 'dnsmasq']) }),
    response: z.object({ text: z.string() }),
  }),
};

export const reservationsRoutes = {
  list: route({
    id: 'reservations.list',
    method: 'GET',
    path: '/v1/reservations',
    summary: 'Fixed addresses',
    role: 'viewer',
    query: pageQuery.extend({ subnet: z.string().optional() }),
    response: pageOf(reservation),
  }),
  create: route({
    id: 'reservations.create',
    method: 'POST',
    path: '/v1/reservations',
    summary: 'Gives one client always the same address',
    role: 'operator',
    body: z
      .strictObject({
        subnet: z.string(),
        address,
        mac: mac.optional(),
        clientId: z
          .string()
          .regex(/^([0-9a-f]{2}){1,255}$/, 'use hexadecimal digits')
          .optional(),
        hostname: name.optional(),
      })
      .refine(
        (body) => (body.mac === undefined) !== (body.clientId === undefined),
        'give mac or clientId, and not both',
      ),
    response: reservation,
    status: 201,
  }),
  delete: route({
    id: 'reservations.delete',
    method: 'DELETE',
    path: '/v1/reservations/:reservation',
    summary: 'Removes a reservation',
    role: 'operator',
  }),
};

export const leasesRoutes = {
  list: route({
    id: 'leases.list',
    method: 'GET',
    path: '/v1/leases',
    summary: 'Who has which address',
    role: 'viewer',
    query: pageQuery.extend({ subnet: z.string().optional() }),
    response: pageOf(lease),
  }),
};
