import type { DataSource } from 'typeorm';
import { messageOf, MusterError } from '../../error.js';
import type { SecretBox } from '../../platform/secrets/index.js';
import { SEALED_PLACES, type SealedPlace } from './sealed-places.js';

/** So many rows are locked at once, for a moment. */
const BATCH_ROWS = 500;

export interface PlaceCount {
  what: string;
  rows: number;
}

interface SealedRow {
  id: string;
  sealed: string;
  rowId: string;
}

/** The id of the key is the second part of a sealed value. */
const keyOf = (place: SealedPlace) => `split_part(${place.sealed}, '.', 2)`;

/** How many values are in each place that are not under `key`; null: all. */
export async function countSealed(dataSource: DataSource, key: string | null): Promise<PlaceCount[]> {
  const counts: PlaceCount[] = [];
  for (const place of SEALED_PLACES) {
    const [row] = await dataSource.query<{ rows: number }[]>(
      `select count(*)::integer as rows from ${place.table}
       where ${place.sealed} is not null and ($1::text is null or ${keyOf(place)} <> $1)`,
      [key],
    );
    counts.push({ what: place.what, rows: row?.rows ?? 0 });
  }
  return counts;
}

/**
 * Wraps every value again that is not under the box's first key, in batches; a value is under one key or the other at
 * any moment. Nobody may seal under another key meanwhile, or this goes on for as long as he does.
 */
export async function rewrapAll(
  dataSource: DataSource,
  box: SecretBox,
  each: (place: SealedPlace, done: number) => void,
): Promise<PlaceCount[]> {
  const counts: PlaceCount[] = [];
  for (const place of SEALED_PLACES) {
    let rows = 0;
    for (;;) {
      const batch = await nextBatch(dataSource, place, box.keyIds[0] ?? '');
      if (batch.length === 0) break;
      rows += await replace(dataSource, place, batch, rewrap(box, place, batch));
      each(place, rows);
    }
    counts.push({ what: place.what, rows });
  }
  return counts;
}

function nextBatch(dataSource: DataSource, place: SealedPlace, key: string): Promise<SealedRow[]> {
  return dataSource.query<SealedRow[]>(
    `select id, ${place.sealed} as sealed, ${place.rowId} as "rowId" from ${place.table}
     where ${place.sealed} is not null and ${keyOf(place)} <> $1 limit ${BATCH_ROWS}`,
    [key],
  );
}

function rewrap(box: SecretBox, place: SealedPlace, batch: readonly SealedRow[]): string[] {
  return batch.map((row) => {
    try {
      return box.rewrap(row.sealed, row.rowId);
    } catch (error) {
      throw new MusterError('internal', `cannot wrap row ${row.id} of ${place.table} again: ${messageOf(error)}`, {
        hint: 'the old key stays in the key file; what cannot be opened must be set anew, or its row deleted',
        cause: error,
      });
    }
  });
}

/** A row that was changed meanwhile is left for the next batch. */
async function replace(
  dataSource: DataSource,
  place: SealedPlace,
  batch: readonly SealedRow[],
  fresh: readonly string[],
): Promise<number> {
  const [rows] = await dataSource.query<[unknown[], number]>(
    `update ${place.table} set ${place.set('given.new_text')}
     from unnest($1::uuid[], $2::text[], $3::text[]) as given (row_id, old_text, new_text)
     where id = given.row_id and ${place.sealed} = given.old_text returning id`,
    [batch.map((row) => row.id), batch.map((row) => row.sealed), fresh],
  );
  return rows.length;
}

/** Columns of text, of any table, that hold a value under one of these keys: `table.column`. Reads all of the database. */
export async function searchEverywhere(dataSource: DataSource, keys: readonly string[]): Promise<string[]> {
  const columns = await dataSource.query<{ table: string; column: string }[]>(
    `select c.table_name as table, c.column_name as column
     from information_schema.columns c join information_schema.tables t using (table_schema, table_name)
     where c.table_schema = current_schema() and t.table_type = 'BASE TABLE'
       and c.udt_name in ('text', '_text', 'varchar', 'json', 'jsonb') order by 1, 2`,
  );
  const patterns = keys.map((key) => `%s1.${key}.%`);
  const found: string[] = [];
  for (const { table, column } of columns) {
    const rows = await dataSource.transaction(async (manager) => {
      await manager.query('set local statement_timeout = 0');
      return manager.query<unknown[]>(`select from "${table}" where "${column}"::text like any ($1::text[]) limit 1`, [
        patterns,
      ]);
    });
    if (rows.length > 0) found.push(`${table}.${column}`);
  }
  return found;
}
