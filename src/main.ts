import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { configureApi } from './api/index.js';
import { AppModule } from './app.module.js';
import { loadSettings } from './platform/config/index.js';
import { createLogger } from './platform/log/index.js';
import { NestLog } from './nest-log.js';

/** One process of the server, with the roles that MUSTER_ROLES names; started by `muster serve`. */
async function main(): Promise<void> {
  const settings = loadSettings();
  const log = createLogger({ ...settings.log, name: settings.roles.join('+') });
  // A handler that throws must not take the others with it.
  process.on('unhandledRejection', (error) => log.error({ error }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => log.error({ error }, 'uncaught exception'));
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoles(settings.roles), {
    logger: new NestLog(log),
  });
  if (settings.roles.includes('api')) configureApi(app);
  app.enableShutdownHooks();
  await app.init();
  process.on('disconnect', () => process.exit(1));
  process.send?.({ ready: true });
}

await main();
