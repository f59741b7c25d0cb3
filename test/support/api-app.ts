import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type ModuleMetadata } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MIGRATIONS } from '../../migrations/index.js';
import { ApiModule, ApiServer, configureApi } from '../../src/api/index.js';
import { run } from '../../src/cli/index.js';
import { ENTITIES } from '../../src/entities.js';
import { loadSettings } from '../../src/platform/config/index.js';
import { dataSourceOptions } from '../../src/platform/database/index.js';
import { SETTINGS } from '../../src/platform/index.js';
import { LOGGER, silentLogger, type Logger } from '../../src/platform/log/index.js';
import { WebModule } from '../../src/web/index.js';
import type { Datastores } from './datastores.js';

/** The API of a real server over HTTPS on loopback, with a database of its own. */
export class ApiApp {
  private constructor(
    readonly app: NestExpressApplication,
    readonly dataDir: string,
    readonly url: string,
  ) {}

  static async start(
    stores: Datastores,
    more: ModuleMetadata['imports'] = [],
    log: Logger = silentLogger,
    /** With `api` alone nothing takes steps: what a run does is then the test's choice. */
    roles = 'api',
    environment: NodeJS.ProcessEnv = {},
  ): Promise<ApiApp> {
    const { url: databaseUrl, dataSource } = await stores.createDatabase();
    await dataSource.destroy();
    const dataDir = mkdtempSync(join(tmpdir(), 'muster-api-'));
    const settings = loadSettings({
      MUSTER_DATA_DIR: dataDir,
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_API_PORT: '0',
      MUSTER_ROLES: roles,
      DATABASE_URL: databaseUrl,
      REDIS_URL: stores.redis.url,
      ...environment,
    });
    const moduleRef = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(dataSourceOptions({ url: databaseUrl, entities: ENTITIES, migrations: MIGRATIONS })),
        ApiModule,
        WebModule,
        ...more,
      ],
    })
      .overrideProvider(SETTINGS)
      .useValue(settings)
      .overrideProvider(LOGGER)
      .useValue(log)
      .compile();
    const app = moduleRef.createNestApplication<NestExpressApplication>({ logger: false });
    configureApi(app);
    await app.init();
    return new ApiApp(app, dataDir, `https://localhost:${app.get(ApiServer).port}`);
  }

  /** Runs the CLI as the local administrator would. */
  async cli(argv: string[], options: { token?: string; input?: string; signal?: AbortSignal } = {}) {
    const out = { stdout: '', stderr: '' };
    const code = await run(['--api', this.url, ...argv], {
      stdout: { write: (text) => (out.stdout += text) },
      stderr: { write: (text) => (out.stderr += text) },
      stdin: Readable.from([options.input ?? '']),
      isTty: false,
      canAsk: options.input !== undefined,
      environment: { MUSTER_DATA_DIR: this.dataDir, HOME: this.dataDir, MUSTER_TOKEN: options.token },
      signal: options.signal ?? new AbortController().signal,
    });
    return { code, ...out };
  }

  async stop(): Promise<void> {
    await this.app.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
