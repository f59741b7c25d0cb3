import { join } from 'node:path';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ArtifactCache, ArtifactPins, ArtifactsModule, keptFolder } from '../../artifacts/index.js';
import { ContentStore, ImagesModule, ImagesService } from '../../images/index.js';
import { HandlerRegistry, PipelineModule, RunsService } from '../../pipeline/index.js';
import type { Clock } from '../../platform/clock.js';
import type { Settings } from '../../platform/config/index.js';
import { CLOCK, PlatformModule, SETTINGS } from '../../platform/index.js';
import { BundleLibrary } from '../bundle-library.js';
import { ArchiveShelf } from './archive-shelf.js';
import { BundleExportHandler, BundleImportHandler } from './archive-steps.js';
import { ImageBakeHandler } from './bake.handler.js';
import { ArchivesService } from './archives.service.js';
import { BroughtBundles } from './brought-bundles.js';

@Module({
  imports: [PlatformModule, PipelineModule, ArtifactsModule, ImagesModule],
  providers: [
    {
      provide: BroughtBundles,
      inject: [SETTINGS],
      useFactory: ({ dataDir }: Settings) => new BroughtBundles(join(dataDir, 'bundles')),
    },
    {
      provide: BundleLibrary,
      inject: [BroughtBundles],
      useFactory: (brought: BroughtBundles) => new BundleLibrary(undefined, brought),
    },
    {
      provide: ArchiveShelf,
      inject: [SETTINGS, CLOCK],
      useFactory: ({ dataDir }: Settings, clock: Clock) => new ArchiveShelf(join(dataDir, 'exports'), clock),
    },
    {
      provide: ArchivesService,
      inject: [RunsService, ArchiveShelf, BroughtBundles, SETTINGS],
      useFactory: (runs: RunsService, shelf: ArchiveShelf, brought: BroughtBundles, { dataDir }: Settings) =>
        new ArchivesService(runs, shelf, brought, new ContentStore(keptFolder(dataDir))),
    },
  ],
  exports: [ArchivesService, BroughtBundles, BundleLibrary],
})
export class ArchivesModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(ArchiveShelf) private readonly shelf: ArchiveShelf,
    @Inject(BroughtBundles) private readonly brought: BroughtBundles,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(ArtifactCache) private readonly artifacts: ArtifactCache,
    @Inject(ArtifactPins) private readonly pins: ArtifactPins,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    const { library, shelf, brought, images, artifacts, pins } = this;
    const { dataDir, images: ofImages } = this.settings;
    const cacheDir = ofImages.cacheDir ?? join(dataDir, 'cache');
    const kept = new ContentStore(keptFolder(dataDir));
    this.handlers.register(new ImageBakeHandler(images, library, { artifacts, pins }));
    this.handlers.register(new BundleExportHandler({ cacheDir, library, images, artifacts, pins }, shelf));
    this.handlers.register(
      new BundleImportHandler({ dataDir, brought, kept, images, pins, roles: () => library.roles }),
    );
  }
}
