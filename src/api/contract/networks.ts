import { z } from 'zod';
import { address, id, mac, name, pageOf, pageQuery, time } from './primitives.js';
import { route } from './route.js';

const cidr = z.union([z.cidrv4(), z.cidrv6()]);
export const dhcpMode = z.enum(['serve', 'proxy', 'off']);

const range = z.strictObject({
  kind: z.enum(['dynamic', 'reserved']).default('dynamic'),
  first: address,
  last: address,
});

const subnetSettings = {
  gateway: address.nullable(),
  dnsServers: z.array(address).max(8),
  domain: z.string().max(253).nullable(),
  ranges: z.array(range).max(100),
  vlan: z.number().int().min(1).max(4094).nullable(),
  dhcp: dhcpMode,
  leaseSeconds: z.number().int().min(60),
  space: z.string().max(63).nullable(),
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
    mac: z.string(),
    clientId: z.string().nullable(),
    hostname: z.string().nullable(),
    machine: z.string().nullable(),
    state: z.string(),
    startedAt: time.nullable(),
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
    summary: 'One subnet (by name, CIDR with `_` for `/`, or id)',
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
    body: z.strictObject({ name: name.optional(), cidr, ...changes.shape }),
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
      .refine((body) => body.mac !== undefined || body.clientId !== undefined, 'give mac or clientId'),
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
