import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ImagesModule, ImagesService } from '../../images/index.js';
import { HandlerRegistry, PipelineModule } from '../../pipeline/index.js';
import { ImageBuildHandler } from './image-build.handler.js';
import { ImageSyncHandler } from './image-sync.handler.js';

/** Runs about images, in every process that takes steps. */
@Module({ imports: [ImagesModule, PipelineModule] })
export class ImageOperationsModule implements OnModuleInit {
  constructor(
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
  ) {}

  onModuleInit(): void {
    this.handlers.register(new ImageBuildHandler(this.images));
    this.handlers.register(new ImageSyncHandler(this.images));
  }
}
