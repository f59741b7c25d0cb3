import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { ENTITIES } from '../../src/entities.js';
import { createDataSource, startEmbeddedPostgres, type EmbeddedPostgres } from '../../src/platform/database/index.js';
import { startEmbeddedRedis, type EmbeddedRedis } from '../../src/platform/queue/index.js';

/** A real Postgres (and Redis) of this test file's own, gone afterwards. */
export class Datastores {
  private constructor(
    readonly dir: string,
    readonly postgres: EmbeddedPostgres,
    readonly redis: EmbeddedRedis,
  ) {}

  static async start(): Promise<Datastores> {
    const dir = mkdtempSync(join(tmpdir(), 'muster-test-'));
    // Postgres runs as its own user and must reach its folder.
    chmodSync(dir, 0o755);
    const [postgres, redis] = await Promise.all([
      startEmbeddedPostgres(join(dir, 'postgres')),
      startEmbeddedRedis(join(dir, 'redis')),
    ]);
    return new Datastores(dir, postgres, redis);
  }

  /** A new database with all migrations applied, and an open data source on it. */
  async createDatabase(): Promise<{ url: string; dataSource: DataSource }> {
    const name = `test_${randomBytes(6).toString('hex')}`;
    const client = new Client({ connectionString: this.postgres.url });
    await client.connect();
    await client.query(`create database ${name}`);
    await client.end();
    const url = this.postgres.url.replace('/muster?', `/${name}?`);
    const dataSource = createDataSource({ url, entities: ENTITIES, migrations: MIGRATIONS });
    await dataSource.initialize();
    await dataSource.runMigrations();
    return { url, dataSource };
  }

  async stop(): Promise<void> {
    await Promise.all([this.postgres.stop(), this.redis.stop()]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
