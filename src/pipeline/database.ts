import { createHash } from 'node:crypto';
import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { Statement } from '../platform/database/index.js';

/** The engine's way to Postgres; the simulator puts kills and pauses between the two. */
export interface Sql {
  readonly manager: EntityManager;
  query<Row>(text: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

export interface Database extends Sql {
  transaction<Result>(work: (sql: Sql) => Promise<Result>): Promise<Result>;
}

/** All texts are the program's own, and few: Postgres plans each once a connection. */
const statements = new Map<string, Statement<object>>();

function statementOf(text: string): Statement<object> {
  const known = statements.get(text);
  if (known !== undefined) return known;
  const name = `pipeline-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  const statement = new Statement<object>(name, text);
  statements.set(text, statement);
  return statement;
}

/** Statements in the manager's transaction, or each in its own. */
export function sqlOf(manager: EntityManager): Sql {
  return {
    manager,
    query: async <Row>(text: string, parameters: readonly unknown[] = []) =>
      (await statementOf(text).run(manager, parameters)) as Row[],
  };
}

export function databaseOf(dataSource: DataSource): Database {
  return {
    ...sqlOf(dataSource.manager),
    transaction: (work) => dataSource.transaction((manager) => work(sqlOf(manager))),
  };
}

/** True for an error of Postgres with this code; `23505` is a unique violation. */
export function isPostgresError(error: unknown, code: string): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { code: own, driverError } = error as { code?: unknown; driverError?: { code?: unknown } };
  return own === code || driverError?.code === code;
}

/**
 * True where Postgres will not take these values, however often it is asked: a data exception, or a constraint is
 * violated (SQLSTATE classes 22 and 23).
 */
export function isRefusal(error: unknown): boolean {
  return error instanceof QueryFailedError && /^2[23]...$/.test(String((error as { code?: unknown }).code));
}
