import { MusterError } from '../error.js';

/** A cursor that is a sequence number. */
export function numericCursor(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined;
  if (!/^\d{1,15}$/.test(cursor)) throw badCursor(cursor);
  return Number(cursor);
}

/**
 * One page of a list that is already at hand, in a stable order. The cursor is the key of the last item seen, so that
 * items that come and go between two pages make none be missed.
 */
export function pageOfSorted<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  query: { limit: number; cursor?: string },
): { items: Item[]; next: string | null } {
  const sorted = [...items].sort((a, b) => compare(keyOf(a), keyOf(b)));
  const after = query.cursor === undefined ? undefined : decode(query.cursor);
  const rest = after === undefined ? sorted : sorted.filter((item) => compare(keyOf(item), after) > 0);
  const page = rest.slice(0, query.limit);
  const last = page.at(-1);
  const next = last === undefined || rest.length <= page.length ? null : encode(keyOf(last));
  return { items: page, next };
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const encode = (key: string) => Buffer.from(key, 'utf8').toString('base64url');

function decode(cursor: string): string {
  if (!/^[A-Za-z0-9_-]*$/.test(cursor)) throw badCursor(cursor);
  return Buffer.from(cursor, 'base64url').toString('utf8');
}

function badCursor(cursor: string): MusterError {
  return new MusterError('invalid', `cannot go on from "${cursor}": it is not a cursor`, {
    hint: 'send the `next` of the page before, as it came',
  });
}
