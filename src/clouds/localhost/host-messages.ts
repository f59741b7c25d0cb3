import { z } from 'zod';

/** From an unprivileged server to its supervisor, which is root. An order is a word: nothing in it can be misused. */
export const hostQuestion = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('host.do'), id: z.number(), order: z.enum(['install-lxd', 'raise-limits']) }),
  z.object({ kind: z.literal('host.stop'), id: z.number() }),
]);
export type HostOrder = Extract<z.infer<typeof hostQuestion>, { kind: 'host.do' }>['order'];

/** From the supervisor to the server. */
export const hostAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('host.line'), id: z.number(), line: z.string() }),
  z.object({ kind: z.literal('host.done'), id: z.number() }),
  z.object({ kind: z.literal('host.failed'), id: z.number(), message: z.string(), hint: z.string().optional() }),
]);
