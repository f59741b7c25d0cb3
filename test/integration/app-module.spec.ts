import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppModule } from '../../src/app.module.js';
import { ApiServer } from '../../src/api/index.js';
import { BOOT_DECIDER } from '../../src/netboot/index.js';
import { loadSettings, type Role } from '../../src/platform/config/index.js';
import { SETTINGS } from '../../src/platform/index.js';
import { LOGGER, silentLogger } from '../../src/platform/log/index.js';
import { Datastores } from '../support/datastores.js';

let stores: Datastores;
const dataDir = mkdtempSync(join(tmpdir(), 'muster-app-'));
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(async () => {
  await stores.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

it.each<{ roles: Role[]; has: unknown[]; lacks: unknown[] }>([
  { roles: ['boot'], has: [BOOT_DECIDER], lacks: [ApiServer] },
  { roles: ['api', 'worker', 'scheduler'], has: [ApiServer], lacks: [BOOT_DECIDER] },
])('a process with the roles $roles has what they need, and no more', async ({ roles, has, lacks }) => {
  const { url, dataSource } = await stores.createDatabase();
  await dataSource.destroy();
  const settings = loadSettings({
    MUSTER_DATA_DIR: dataDir,
    MUSTER_ROLES: roles.join(','),
    DATABASE_URL: url,
    REDIS_URL: stores.redis.url,
  });
  // Put together only: nothing binds a port before the application is started.
  const app = await Test.createTestingModule({ imports: [AppModule.forRoles(roles)] })
    .overrideProvider(SETTINGS)
    .useValue(settings)
    .overrideProvider(LOGGER)
    .useValue(silentLogger)
    .compile();
  try {
    for (const token of has) expect(app.get<unknown>(token as symbol, { strict: false })).toBeDefined();
    for (const token of lacks) expect(() => app.get<unknown>(token as symbol, { strict: false })).toThrow();
  } finally {
    await app.close();
  }
});
