import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ImagesModule, ImagesService } from '../images/index.js';
import { ClaimsService, MachinesModule } from '../machines/index.js';
import { NetworksModule } from '../networks/index.js';
import { OperationsModule } from '../operations/index.js';
import { HandlerRegistry, PipelineModule } from '../pipeline/index.js';
import type { Settings } from '../platform/config/index.js';
import type { Clock } from '../platform/clock.js';
import { CLOCK, PlatformModule, SECRET_BOX, SETTINGS } from '../platform/index.js';
import { REMOTE, type Remote } from '../platform/remote/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { CloudRecords } from './cloud-records.js';
import { Clouds } from './clouds.service.js';
import type { Host } from './localhost/host.js';
import { LocalhostCloud } from './localhost/localhost-cloud.js';
import { RootHost } from './localhost/root-host.js';
import { SupervisedHost } from './localhost/supervised-host.js';
import { lxdHandlers } from './lxd/lxd-handlers.js';
import { AllocateHandler } from './metal/allocate.handler.js';
import { MetalProvider } from './metal/metal.provider.js';
import { sshHandlers } from './ssh/ssh-handlers.js';
import { SshHosts } from './ssh/ssh-hosts.js';

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
  imports: [PlatformModule, ImagesModule, MachinesModule, NetworksModule, OperationsModule, PipelineModule],
  providers: [
    MetalProvider,
    {
      provide: Clouds,
      inject: [MetalProvider, SETTINGS, ImagesService, CloudRecords, SshHosts, CLOCK],
      useFactory: (
        metal: MetalProvider,
        settings: Settings,
        images: ImagesService,
        records: CloudRecords,
        hosts: SshHosts,
        clock: Clock,
      ) => {
        const localhost = new LocalhostCloud(settings, hostOfThisProcess());
        return new Clouds({ metal, localhost, records, hosts, images, clock });
      },
    },
    {
      provide: CloudRecords,
      inject: [DataSource, SECRET_BOX],
      useFactory: (dataSource: DataSource, secrets: SecretBox) => new CloudRecords(dataSource, secrets),
    },
    {
      provide: SshHosts,
      inject: [DataSource, REMOTE, SECRET_BOX, CLOCK],
      useFactory: (dataSource: DataSource, remote: Remote, secrets: SecretBox, clock: Clock) =>
        new SshHosts(dataSource, remote, secrets, clock),
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
    @Inject(SshHosts) private readonly hosts: SshHosts,
  ) {}

  onModuleInit(): void {
    const handlers = [
      new AllocateHandler(this.claims),
      ...lxdHandlers(this.clouds, this.images),
      ...sshHandlers(this.clouds, this.hosts),
    ];
    for (const handler of handlers) this.registry.register(handler);
  }
}
