import { join } from 'node:path';
import { Inject, Module, type OnModuleInit } from '@nestjs/common';
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

/** What archives of bundles brought, by its SHA-256. */
export function keptFolder(dataDir: string): string {
  return join(dataDir, 'kept');
}

@Module({
  imports: [PlatformModule, PipelineModule],
  providers: [
    {
      provide: ArtifactCache,
      inject: [SETTINGS, CLOCK],
      useFactory: ({ dataDir, artifactMirrors, artifactMaxGiB, artifactCacheGiB }: Settings, clock: Clock) => {
        const dir = join(dataDir, 'artifacts');
        const sizes = { maxBytes: artifactMaxGiB * GIB, cacheBytes: artifactCacheGiB * GIB };
        const settings = { dir, mirrors: artifactMirrors, ...sizes };
        return new ArtifactCache(new ContentStore(dir), settings, clock, new ContentStore(keptFolder(dataDir)));
      },
    },
    {
      provide: ArtifactPins,
      inject: [DataSource, ArtifactCache, CLOCK],
      useFactory: (dataSource: DataSource, cache: ArtifactCache, clock: Clock) =>
        new ArtifactPins(dataSource, cache, clock),
    },
  ],
  exports: [ArtifactCache, ArtifactPins],
})
export class ArtifactsModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
    @Inject(ArtifactCache) private readonly cache: ArtifactCache,
    @Inject(ArtifactPins) private readonly pins: ArtifactPins,
  ) {}

  onModuleInit(): void {
    this.handlers.register(new ArtifactFetchHandler(this.cache, this.pins));
  }
}
