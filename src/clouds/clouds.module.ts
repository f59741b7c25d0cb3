import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ImagesModule } from '../images/index.js';
import { ClaimsService, MachinesModule } from '../machines/index.js';
import { OperationsModule } from '../operations/index.js';
import { HandlerRegistry, PipelineModule } from '../pipeline/index.js';
import { AllocateHandler } from './metal/allocate.handler.js';
import { MetalProvider } from './metal/metal.provider.js';
import { CLOUD_PROVIDERS } from './provider.js';

@Module({
  imports: [ImagesModule, MachinesModule, OperationsModule, PipelineModule],
  providers: [
    MetalProvider,
    { provide: CLOUD_PROVIDERS, inject: [MetalProvider], useFactory: (metal: MetalProvider) => [metal] },
  ],
  exports: [CLOUD_PROVIDERS],
})
export class CloudsModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly registry: HandlerRegistry,
    @Inject(ClaimsService) private readonly claims: ClaimsService,
  ) {}

  onModuleInit(): void {
    this.registry.register(new AllocateHandler(this.claims));
  }
}
