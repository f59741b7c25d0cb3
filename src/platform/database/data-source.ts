import { DataSource, type DataSourceOptions } from 'typeorm';

export type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * The one way to open Postgres. `synchronize` is never used: the schema is what the migrations say.
 * `url`: `postgres://user@host:port/database`, or with `?host=/folder` for a unix socket.
 */
export function dataSourceOptions(options: {
  url: string;
  entities: NonNullable<PostgresOptions['entities']>;
  migrations: NonNullable<PostgresOptions['migrations']>;
  poolSize?: number;
}): PostgresOptions {
  return {
    type: 'postgres',
    url: options.url,
    entities: options.entities,
    migrations: options.migrations,
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'each',
    synchronize: false,
    uuidExtension: 'pgcrypto',
    poolSize: options.poolSize ?? 20,
    applicationName: 'muster',
    connectTimeoutMS: 10_000,
    extra: { keepAlive: true, statement_timeout: 60_000, idle_in_transaction_session_timeout: 15_000 },
    poolErrorHandler: () => undefined,
  };
}

export function createDataSource(options: Parameters<typeof dataSourceOptions>[0]): DataSource {
  return new DataSource(dataSourceOptions(options));
}
