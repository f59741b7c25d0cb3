import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MIGRATIONS } from '../migrations/index.js';
import { KeysModule } from './access/index.js';
import { ApiModule } from './api/index.js';
import { DeploymentsModule } from './deployments/index.js';
import { ENTITIES } from './entities.js';
import { MusterError } from './error.js';
import { NetbootModule } from './netboot/index.js';
import { ImageOperationsModule, MenuOperations, OperationsModule } from './operations/index.js';
import { dataSourceOptions } from './platform/database/index.js';
import type { Role, Settings } from './platform/config/index.js';
import { PlatformModule, SETTINGS } from './platform/index.js';
import { WebModule } from './web/index.js';

/** The rooms that a process with these roles needs. */
@Module({})
export class AppModule {
  static forRoles(roles: readonly Role[]): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule,
        TypeOrmModule.forRootAsync({
          imports: [PlatformModule],
          inject: [SETTINGS],
          useFactory: (settings: Settings) => databaseOptions(settings),
        }),
        // Every role reads and writes the same tables; only workers take steps, only the boot role binds ports.
        KeysModule,
        DeploymentsModule,
        ImageOperationsModule,
        ...(roles.includes('boot')
          ? [NetbootModule.register({ imports: [OperationsModule], menu: MenuOperations })]
          : []),
        ...(roles.includes('api') ? [ApiModule, WebModule] : []),
      ],
    };
  }
}

function databaseOptions(settings: Settings) {
  if (settings.databaseUrl === undefined || settings.redisUrl === undefined) {
    throw new MusterError('invalid', 'cannot start this process alone: it has no DATABASE_URL or no REDIS_URL', {
      hint: 'run `muster serve`, which starts both and then this',
    });
  }
  return dataSourceOptions({ url: settings.databaseUrl, entities: ENTITIES, migrations: MIGRATIONS });
}
