import { z } from 'zod';

/** ISO 8601 in UTC. */
export const time = z.iso.datetime();
export const id = z.uuid();
/** What people call a thing: as a DNS label, so that it can be a host name. */
export const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'use lower-case letters, digits and dashes, at most 63');
export const tag = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/, 'use letters, digits, dashes, dots, at most 63');
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'use 64 hexadecimal digits');
export const address = z.union([z.ipv4(), z.ipv6()]);
export const mac = z
  .string()
  .regex(/^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$/, 'use six pairs of hexadecimal digits: 52:54:00:12:34:56')
  .transform((text) => text.toLowerCase().replaceAll('-', ':'));
/** `true` and `false` as they come in a query. */
export const flag = z.stringbool().or(z.boolean());
/** Anything that JSON can say. */
export const anyObject = z.record(z.string(), z.unknown());

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(500).default(100).describe('How many at most'),
  cursor: z.string().max(300).optional().describe('`next` of the page before'),
});

/** One page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next: z.string().nullable().describe('Cursor of the next page; null: the last'),
  });
}

export const subject = z.object({ kind: z.string(), id: z.string(), name: z.string().nullable() });
