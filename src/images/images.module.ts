import { type BeforeApplicationShutdown, Inject, Module, type OnModuleInit } from '@nestjs/common';
import { join } from 'node:path';
import type { Settings } from '../platform/config/index.js';
import type { Clock } from '../platform/clock.js';
import { CLOCK, PlatformModule, SETTINGS } from '../platform/index.js';
import { OutgoingHttp } from '../platform/http/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import { DataSource } from 'typeorm';
import { BootFiles } from './boot-files/boot-files.js';
import { buildMemoryEnvironment, buildOsImage } from './build/index.js';
import { IMAGE_BUILDERS, type ImageBuilders } from './image-builders.js';
import { ImageCatalog } from './image-catalog.js';
import { ImagesService } from './images.service.js';
import { StreamSync } from './streams/stream-sync.js';
import { SupervisedBuilders } from './supervised-builders.js';
import { ContentStore } from './store/content-store.js';

/** A server that gave up root asks its supervisor, which kept it. */
function imageBuilders(): ImageBuilders {
  const send = process.send?.bind(process);
  if (send === undefined || process.getuid?.() === 0) return { buildMemoryEnvironment, buildOsImage };
  return new SupervisedBuilders({
    send: (message) => void send(message),
    onMessage: (listener) => process.on('message', listener),
  });
}

@Module({
  imports: [PlatformModule],
  providers: [
    {
      provide: ContentStore,
      inject: [SETTINGS],
      useFactory: ({ dataDir, images }: Settings) => new ContentStore(join(dataDir, 'images'), images.handOffPrefix),
    },
    {
      provide: BootFiles,
      inject: [SETTINGS, LOGGER],
      useFactory: (settings: Settings, log: Logger) => new BootFiles(settings, log),
    },
    { provide: IMAGE_BUILDERS, useFactory: imageBuilders },
    {
      provide: ImageCatalog,
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => new ImageCatalog(dataSource),
    },
    {
      provide: StreamSync,
      inject: [ImageCatalog, ContentStore, SETTINGS, CLOCK, LOGGER],
      useFactory: (catalog: ImageCatalog, store: ContentStore, settings: Settings, clock: Clock, log: Logger) => {
        const { streamUrl, keyring, allowLocalStream } = settings.images;
        const http = new OutgoingHttp({ allowLocal: allowLocalStream }, clock);
        return new StreamSync(catalog, store, http, { url: streamUrl, keyring }, clock, log);
      },
    },
    {
      provide: ImagesService,
      inject: [ImageCatalog, ContentStore, IMAGE_BUILDERS, StreamSync, SETTINGS, CLOCK],
      useFactory: (
        catalog: ImageCatalog,
        store: ContentStore,
        builders: ImageBuilders,
        streams: StreamSync,
        settings: Settings,
        clock: Clock,
      ) => {
        const cacheDir = settings.images.cacheDir ?? join(settings.dataDir, 'cache');
        return new ImagesService(catalog, store, builders, streams, { cacheDir, clock });
      },
    },
  ],
  exports: [ImagesService, ContentStore, BootFiles],
})
export class ImagesModule implements OnModuleInit, BeforeApplicationShutdown {
  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BootFiles) private readonly bootFiles: BootFiles,
  ) {}

  async onModuleInit(): Promise<void> {
    if (!this.settings.roles.includes('boot')) return;
    // DHCP and the agent's side serve machines that are up without them; only new boots need the files.
    await this.bootFiles.start();
  }

  beforeApplicationShutdown(): void {
    this.bootFiles.stop();
  }
}
