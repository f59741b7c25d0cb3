import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../src/platform/database/index.js';
import { connectRedis, refuseEviction } from '../../src/platform/queue/index.js';
import { Datastores } from '../support/datastores.js';

let stores: Datastores;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());

it('applies and reverts every migration', async () => {
  const { dataSource } = await stores.createDatabase();
  for (const _ of dataSource.migrations) await dataSource.undoLastMigration();
  const tables = await dataSource.query<{ tablename: string }[]>(
    "select tablename from pg_tables where schemaname = 'public' and tablename <> 'migration'",
  );
  expect(tables).toEqual([]);
  await dataSource.runMigrations();
  await dataSource.destroy();
});

it('has entities that agree with the migrated schema', async () => {
  const { dataSource } = await stores.createDatabase();
  const difference = await dataSource.driver.createSchemaBuilder().log();
  expect(difference.upQueries.map((query) => query.query)).toEqual([]);
  await dataSource.destroy();
});

it('refuses a Redis that evicts', async () => {
  const redis = connectRedis(stores.redis.url);
  await refuseEviction(redis);
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await expect(refuseEviction(redis)).rejects.toThrow(/allkeys-lru/);
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  redis.disconnect();
});

it('keeps what was committed when Postgres is killed', async () => {
  const { dataSource } = await stores.createDatabase();
  await dataSource.query('create table kept (n int)');
  await dataSource.query('insert into kept values (1)');
  const { database } = dataSource.driver;
  await dataSource.destroy().catch(() => undefined);
  const died = new Promise((resolve) => stores.postgres.process.once('exit', resolve));
  stores.postgres.process.kill('SIGKILL');
  await died;
  const again = await startEmbeddedPostgres(`${stores.dir}/postgres`);
  const url = again.url.replace('/muster?', `/${database ?? ''}?`);
  const { Client } = await import('pg');
  const client = new Client({ connectionString: url });
  await client.connect();
  expect((await client.query('select n from kept')).rows).toEqual([{ n: 1 }]);
  await client.end();
  await again.stop();
});
