import type { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { MusterError } from '../error.js';
import { createDataSource } from '../platform/database/index.js';

export interface SchemaState {
  /** Names, oldest first. */
  applied: string[];
  pending: string[];
  /** Applied, but not known to this version of muster: the schema is newer than the program. */
  unknown: string[];
}

/** For plain SQL: it knows no entities, and so does not load the rooms that they live in. */
export async function withDataSource<T>(url: string, use: (dataSource: DataSource) => Promise<T>): Promise<T> {
  const dataSource = createDataSource({ url, entities: [], migrations: MIGRATIONS, poolSize: 2 });
  await dataSource.initialize();
  try {
    return await use(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

export async function readSchemaState(dataSource: DataSource): Promise<SchemaState> {
  const [exists] = await dataSource.query<{ found: boolean }[]>(`select to_regclass('migration') is not null as found`);
  const rows =
    exists?.found === true
      ? await dataSource.query<{ name: string }[]>('select name from migration order by timestamp, id')
      : [];
  const applied = rows.map((row) => row.name);
  const known = MIGRATIONS.map((migration) => new migration().name ?? migration.name);
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  };
}

/** Applies what is pending. Refuses a schema that a newer muster made. Two at once wait for each other. */
export async function migrate(url: string): Promise<SchemaState> {
  return withDataSource(url, async (dataSource) => {
    await dataSource.query('select pg_advisory_lock(778302)');
    try {
      refuseNewerSchema(await readSchemaState(dataSource));
      await dataSource.runMigrations();
      return await readSchemaState(dataSource);
    } finally {
      await dataSource.query('select pg_advisory_unlock(778302)');
    }
  });
}

export function refuseNewerSchema(state: SchemaState): void {
  if (state.unknown.length === 0) return;
  throw new MusterError(
    'conflict',
    `cannot use this database: a newer muster made its schema (${state.unknown.join(', ')})`,
    { hint: 'install that version of muster again, or restore the backup made before it was upgraded' },
  );
}
