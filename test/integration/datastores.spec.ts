import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startDatastores } from '../../src/local/datastores.js';
import { systemClock } from '../../src/platform/clock.js';
import { loadSettings } from '../../src/platform/config/index.js';
import { startEmbeddedPostgres } from '../../src/platform/database/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
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

it('starts although the number of a killed Postgres belongs to a dead process that nobody waited for', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-postgres-'));
  chmodSync(dir, 0o755);
  const first = await startEmbeddedPostgres(dir);
  const died = new Promise((resolve) => first.process.once('exit', resolve));
  first.process.kill('SIGKILL');
  await died;
  // The shell's child is dead at once; `sleep`, which the shell becomes, never asks for it.
  const { uid, gid } = statSync(join(dir, 'data')); // its own account: Postgres minds nobody else's processes
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], {
    uid,
    gid,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  for (const name of ['data/postmaster.pid', 'socket/.s.PGSQL.5432.lock']) {
    const file = join(dir, name);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, line.toString().trim()));
  }
  try {
    await (await startEmbeddedPostgres(dir)).stop();
  } finally {
    parent.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
});

it('leaves no Redis behind where Postgres cannot start', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-datastores-'));
  writeFileSync(join(dir, 'postgres'), 'in the way of a folder');
  await expect(startDatastores(loadSettings({ MUSTER_DATA_DIR: dir }), silentLogger)).rejects.toThrow(/postgres/);
  await systemClock.sleep(500); // one that is left behind may still be starting
  expect(existsSync(join(dir, 'redis/redis.sock'))).toBe(false); // a Redis that ends removes it
  rmSync(dir, { recursive: true });
});
