import { z } from 'zod';
import { id, pageOf, pageQuery, tag, time } from './primitives.js';
import { accessRole, route } from './route.js';

export const token = z
  .object({
    id,
    name: z.string(),
    role: accessRole,
    pool: z.string().nullable().describe('The one resource pool it may touch; null: all'),
    createdBy: z.string(),
    createdAt: time,
    expiresAt: time.nullable(),
    revokedAt: time.nullable(),
    lastUsedAt: time.nullable(),
  })
  .meta({ id: 'Token' });
export type Token = z.infer<typeof token>;

export const auditEntry = z
  .object({
    sequence: z.number().int(),
    at: time,
    actor: z.string(),
    tokenId: z.string().nullable(),
    action: z.string(),
    subject: z.string(),
    outcome: z.enum(['asked', 'done', 'refused']).describe('`asked`: about to be done outside of the database'),
    before: z.unknown(),
    after: z.unknown(),
    source: z.string(),
    hash: z.string(),
  })
  .meta({ id: 'AuditEntry' });
export type AuditEntryView = z.infer<typeof auditEntry>;

const YEAR_SECONDS = 366 * 86_400;

export const tokensRoutes = {
  list: route({
    id: 'tokens.list',
    method: 'GET',
    path: '/v1/tokens',
    summary: 'Tokens; never the secret part',
    role: 'admin',
    response: z.object({ items: z.array(token) }),
  }),
  self: route({
    id: 'tokens.self',
    method: 'GET',
    path: '/v1/tokens/self',
    summary: 'What this token may do',
    role: 'viewer',
    pooled: true,
    response: z.object({ name: z.string(), role: accessRole, pool: z.string().nullable() }),
  }),
  create: route({
    id: 'tokens.create',
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Makes a token; its text is in this answer alone',
    role: 'admin',
    body: z.strictObject({
      name: z.string().min(1).max(100),
      role: accessRole.default('viewer'),
      pool: tag.nullable().default(null),
      expiresInSeconds: z
        .number()
        .int()
        .min(60)
        .max(10 * YEAR_SECONDS)
        .nullable()
        .default(90 * 86_400)
        .describe('Default: 90 days; null: never'),
    }),
    response: z.object({ token, text: z.string() }),
    status: 201,
  }),
  revoke: route({
    id: 'tokens.revoke',
    method: 'DELETE',
    path: '/v1/tokens/:token',
    summary: 'Revokes a token (by id or name), for good',
    role: 'admin',
    response: token,
  }),
};

export const auditRoutes = {
  list: route({
    id: 'audit.list',
    method: 'GET',
    path: '/v1/audit',
    summary: 'Every change, newest first',
    role: 'admin',
    query: pageQuery,
    response: pageOf(auditEntry),
  }),
  verify: route({
    id: 'audit.verify',
    method: 'GET',
    path: '/v1/audit/verify',
    summary: 'Whether the chain of hashes holds',
    role: 'admin',
    response: z.object({
      entries: z.number().int(),
      brokenAt: z.number().int().nullable().describe('First entry that was changed or removed'),
      head: z.string().describe('Hash of the newest entry; kept elsewhere, it shows a cut at the end as well'),
    }),
  }),
};

export const health = z
  .object({
    status: z.enum(['ok', 'degraded']),
    postgres: z.enum(['up', 'down']),
    redis: z.enum(['up', 'down', 'unknown']),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof health>;

export const finding = z
  .object({
    check: z.string(),
    level: z.enum(['ok', 'warning', 'error']),
    message: z.string(),
    fix: z.string().nullable(),
  })
  .meta({ id: 'Finding' });

export const systemRoutes = {
  health: route({
    id: 'system.health',
    method: 'GET',
    path: '/health',
    summary: 'Live when it answers; ready when the status is 200',
    role: null,
    response: health,
  }),
  metrics: route({
    id: 'system.metrics',
    method: 'GET',
    path: '/metrics',
    summary: "Prometheus's text format; without a token from this computer only",
    role: 'viewer',
    openOnLoopback: true,
    produces: 'text/plain',
    response: z.string(),
  }),
  doctor: route({
    id: 'system.doctor',
    method: 'GET',
    path: '/v1/doctor',
    summary: 'What the server sees of its own state',
    role: 'viewer',
    response: z.object({ version: z.string(), findings: z.array(finding) }),
  }),
};
export type Doctor = z.infer<(typeof systemRoutes.doctor)['response']>;
