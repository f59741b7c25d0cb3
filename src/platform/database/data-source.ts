import { DataSource, type DataSourceOptions } from 'typeorm';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/**
 * The one way to open Postgres. `synchronize` is never used: the schema is what the migrations say.
 * `url`: `postgres://user@host:port/database`, or with `?host=/folder` for a unix socket.
 */
export function createDataSource(options: {
  url: string;
  entities: NonNullable<PostgresOptions['entities']>;
  migrations: NonNullable<PostgresOptions['migrations']>;
  poolSize?: number;
}): DataSource {
  return new DataSource({
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
    extra: { keepAlive: true, statement_timeout: 60_000 },
    poolErrorHandler: () => undefined,
  });
}
