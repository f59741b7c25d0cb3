import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ImagesModule, ImagesService } from '../images/index.js';
import { ClaimsService, MachinesModule } from '../machines/index.js';
import { OperationsModule } from '../operations/index.js';
import { HandlerRegistry, PipelineModule } from '../pipeline/index.js';
import type { Settings } from '../platform/config/index.js';
import { PlatformModule, SETTINGS } from '../platform/index.js';
import { Clouds } from './clouds.service.js';
import type { Host } from './localhost/host.js';
import { LocalhostCloud } from './localhost/localhost-cloud.js';
import { RootHost } from './localhost/root-host.js';
import { SupervisedHost } from './localhost/supervised-host.js';
import { lxdHandlers } from './lxd/lxd-handlers.js';
import { AllocateHandler } from './metal/allocate.handler.js';
import { MetalProvider } from './metal/metal.provider.js';

/** A server that gave up root asks its supervisor, which kept it. */
function hostOfThisProcess(): Host {
  const send = process.send?.bind(process);
  if (send === undefined || process.getuid?.() === 0) return new RootHost();
  return new SupervisedHost({
    send: (message) => void send(message),
    onMessage: (listener) => process.on('message', listener),
  });
}

@Module({
  imports: [PlatformModule, ImagesModule, MachinesModule, OperationsModule, PipelineModule],
  providers: [
    MetalProvider,
    {
      provide: Clouds,
      inject: [MetalProvider, SETTINGS, ImagesService],
      useFactory: (metal: MetalProvider, settings: Settings, images: ImagesService) =>
        new Clouds(metal, new LocalhostCloud(settings, hostOfThisProcess()), images),
    },
  ],
  exports: [Clouds],
})
export class CloudsModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly registry: HandlerRegistry,
    @Inject(ClaimsService) private readonly claims: ClaimsService,
    @Inject(Clouds) private readonly clouds: Clouds,
    @Inject(ImagesService) private readonly images: ImagesService,
  ) {}

  onModuleInit(): void {
    const handlers = [new AllocateHandler(this.claims), ...lxdHandlers(this.clouds, this.images)];
    for (const handler of handlers) this.registry.register(handler);
  }
}
