import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { join } from 'node:path';
import { MusterError } from '../error.js';
import type { Settings } from '../platform/config/index.js';
import { PlatformModule, SETTINGS } from '../platform/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import { BootFiles } from './boot-files/boot-files.js';
import { ContentStore } from './store/content-store.js';

@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: ContentStore,
      inject: [SETTINGS],
      useFactory: (settings: Settings) => new ContentStore(join(settings.dataDir, 'images')),
    },
    {
      provide: BootFiles,
      inject: [SETTINGS, LOGGER],
      useFactory: (settings: Settings, log: Logger) => new BootFiles(settings, log),
    },
  ],
  exports: [ContentStore, BootFiles],
})
export class ImagesModule implements OnModuleInit {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(BootFiles) private readonly bootFiles: BootFiles,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.settings.roles.includes('boot')) return;
    try {
      await this.bootFiles.load();
    } catch (error) {
      // DHCP and the agent's side still serve machines that are up; only new boots need the files.
      this.log.error(
        { error, hint: error instanceof MusterError ? error.hint : undefined },
        'cannot load the boot files',
      );
    }
  }
}
