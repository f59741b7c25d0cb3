import { z } from 'zod';
import { id, name, time } from './primitives.js';
import { route } from './route.js';

const action = z.enum(['redeploy', 'apply', 'verify', 'upgrade', 'down', 'up']);
const overlap = z.enum(['skip', 'queue', 'replace']).describe('Where another run is still on');
const missed = z.enum(['skip', 'once']).describe('For times that went by while no server was there');
const seconds = z
  .number()
  .int()
  .min(1)
  .max(366 * 86_400);

const wanted = z.strictObject({
  name: name.describe('As a DNS label'),
  deployment: z.string().min(1).max(200).describe('Name of the deployment; it may be down'),
  cron: z.string().min(1).max(200).describe('Five fields: minute, hour, day of month, month, day of week'),
  timeZone: z.string().min(1).max(64).default('UTC').describe('Europe/London'),
  action,
  overlap: overlap.default('skip'),
  missed: missed.default('skip'),
  startWithinSeconds: seconds.default(300).describe('It may still begin this long after its time'),
  longestSeconds: seconds.nullable().default(null).describe('It is cancelled when it has taken this long'),
  stopAfterFailures: z.number().int().min(1).max(1000).nullable().default(null).describe('In a row; then it is paused'),
  canary: z
    .string()
    .min(1)
    .max(200)
    .nullable()
    .default(null)
    .describe('Name of the deployment to which it is done first; where that ends badly, it ends there'),
});

export const schedule = z
  .object({
    ...wanted.shape,
    id,
    failures: z.number().int().describe('In a row'),
    fromBundle: z.boolean(),
    next: z.array(time).describe('The next five times; none while it is paused'),
    pausedAt: time.nullable(),
    pausedReason: z.string().nullable(),
    createdBy: z.string(),
    createdAt: time,
  })
  .meta({ id: 'Schedule' });
export type Schedule = z.infer<typeof schedule>;

export const scheduleFiring = z
  .object({
    id,
    dueAt: time,
    status: z.enum(['waiting', 'running', 'succeeded', 'failed', 'skipped']),
    reason: z.string().nullable(),
    runId: id.nullable().describe('The latest run that it began'),
    outputs: z
      .record(z.string(), z.object({ before: z.unknown(), after: z.unknown() }))
      .nullable()
      .describe('Of a redeploy: outputs that are others than before'),
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'ScheduleFiring' });
export type ScheduleFiring = z.infer<typeof scheduleFiring>;

const one = '/v1/schedules/:schedule';

export const schedulesRoutes = {
  list: route({
    id: 'schedules.list',
    method: 'GET',
    path: '/v1/schedules',
    summary: 'What is done to deployments by itself, and when',
    role: 'viewer',
    response: z.object({ items: z.array(schedule) }),
  }),
  show: route({
    id: 'schedules.show',
    method: 'GET',
    path: one,
    summary: 'One schedule, by its name',
    role: 'viewer',
    response: schedule,
  }),
  history: route({
    id: 'schedules.history',
    method: 'GET',
    path: `${one}/history`,
    summary: 'Its times, newest first, and what became of each',
    role: 'viewer',
    query: z.strictObject({ limit: z.coerce.number().int().min(1).max(500).default(20) }),
    response: z.object({ items: z.array(scheduleFiring) }),
  }),
  add: route({
    id: 'schedules.add',
    method: 'POST',
    path: '/v1/schedules',
    summary: 'Makes a schedule',
    role: 'operator',
    body: wanted,
    response: schedule,
    status: 201,
  }),
  remove: route({
    id: 'schedules.remove',
    method: 'DELETE',
    path: one,
    summary: 'Removes a schedule and its history; a run that it began goes on',
    role: 'operator',
    response: z.object({ name: z.string() }),
  }),
  pause: route({
    id: 'schedules.pause',
    method: 'POST',
    path: `${one}/pause`,
    summary: 'Lets no time of it fire',
    role: 'operator',
    response: schedule,
  }),
  resume: route({
    id: 'schedules.resume',
    method: 'POST',
    path: `${one}/resume`,
    summary: 'Goes on from now; failures are counted anew',
    role: 'operator',
    response: schedule,
  }),
  run: route({
    id: 'schedules.run',
    method: 'POST',
    path: `${one}/run`,
    summary: 'Fires now, also where it is paused',
    role: 'operator',
    response: scheduleFiring,
    status: 202,
  }),
};
