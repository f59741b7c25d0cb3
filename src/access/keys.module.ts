import { hostname } from 'node:os';
import { Module } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { Settings } from '../platform/config/index.js';
import { PlatformModule, SECRET_BOX, SETTINGS } from '../platform/index.js';
import { type Logger, LOGGER } from '../platform/log/index.js';
import { KeyFile, type SecretBox } from '../platform/secrets/index.js';
import { KeyKeeper } from './key-keeper.js';

/** What every process does about key-encryption keys, whatever its roles. */
@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: KeyKeeper,
      inject: [getDataSourceToken(), SECRET_BOX, SETTINGS, LOGGER],
      useFactory: (dataSource: DataSource, box: SecretBox, settings: Settings, log: Logger) => {
        const name = `${settings.roles.join('+')} on ${hostname()}, process ${process.pid}`;
        return new KeyKeeper(dataSource, box, KeyFile.of(settings), name, log);
      },
    },
  ],
})
export class KeysModule {}
