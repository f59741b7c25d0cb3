import type { DataSource, EntityManager } from 'typeorm';

/** The engine's way to Postgres; the simulator puts kills and pauses between the two. */
export interface Sql {
  readonly manager: EntityManager;
  query<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Sql {
  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
}

/** Statements in the manager's transaction, or each in its own. */
export function sqlOf(manager: EntityManager): Sql {
  return {
    manager,
    query: async <Row>(text: string, parameters: readonly unknown[] = []) =>
      rowsOf<Row>(await manager.query(text, [...parameters])),
  };
}

export function databaseOf(dataSource: DataSource): Database {
  return {
    ...sqlOf(dataSource.manager),
    transaction: (work) => dataSource.transaction((manager) => work(sqlOf(manager))),
  };
}

/** TypeORM gives rows for select and insert, but [rows, count] for update and delete. */
function rowsOf<Row>(result: unknown): Row[] {
  if (!Array.isArray(result)) return [];
  const [rows, count] = result as [unknown, unknown];
  return result.length === 2 && Array.isArray(rows) && typeof count === 'number' ? (rows as Row[]) : (result as Row[]);
}

/** True for an error of Postgres with this code; `23505` is a unique violation. */
export function isPostgresError(error: unknown, code: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code: own, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  return own === code || driverError?.code === code;
}
