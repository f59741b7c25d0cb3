import { join } from 'node:path';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { ContentStore } from '../images/index.js';
import { HandlerRegistry, PipelineModule } from '../pipeline/index.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { CLOCK, PlatformModule, SETTINGS } from '../platform/index.js';
import { ArtifactCache } from './artifact-cache.js';
import { ArtifactFetchHandler } from './artifact-fetch.handler.js';
import { ArtifactPins } from './artifact-pins.js';

const GIB = 2 ** 30;

@Module({
  imports: [PlatformModule, PipelineModule],
  providers: [
    {
      provide: ArtifactCache,
      inject: [SETTINGS, CLOCK],
      useFactory: ({ dataDir, artifactMirrors, artifactMaxGiB, artifactCacheGiB }: Settings, clock: Clock) => {
        const dir = join(dataDir, 'artifacts');
        const sizes = { maxBytes: artifactMaxGiB * GIB, cacheBytes: artifactCacheGiB * GIB };
        return new ArtifactCache(new ContentStore(dir), { dir, mirrors: artifactMirrors, ...sizes }, clock);
      },
    },
  ],
  exports: [ArtifactCache],
})
export class ArtifactsModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
    @Inject(ArtifactCache) private readonly cache: ArtifactCache,
    @Inject(CLOCK) private readonly clock: Clock,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  onModuleInit(): void {
    const pins = new ArtifactPins(this.dataSource, this.cache, this.clock);
    this.handlers.register(new ArtifactFetchHandler(this.cache, pins));
  }
}
