import {
  type BeforeApplicationShutdown,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { ImagesModule, ImagesService } from '../images/index.js';
import {
  AgentOrders,
  AgentsService,
  BootSessions,
  ClaimsService,
  MachinesModule,
  MachinesService,
  MetadataTokens,
  PowerReadings,
} from '../machines/index.js';
import { HandlerRegistry, PipelineModule, RunsService } from '../pipeline/index.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import { CLOCK, PlatformModule, SECRET_BOX, SETTINGS } from '../platform/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { PowerModule, PowerService } from '../power/index.js';
import { machineHandlers } from './handlers/index.js';
import { MenuOperations } from './menu-operations.js';
import { OperationsService } from './operations.service.js';
import { PowerWatch } from './power-watch.js';

const power = PowerModule.register({ imports: [MachinesModule], reader: MachinesService });

@Module({
  imports: [PlatformModule, MachinesModule, ImagesModule, PipelineModule, power],
  providers: [
    {
      provide: OperationsService,
      inject: [MachinesService, AgentOrders, RunsService, SECRET_BOX],
      useFactory: (machines: MachinesService, orders: AgentOrders, runs: RunsService, secrets: SecretBox) =>
        new OperationsService(machines, orders, runs, secrets),
    },
    {
      provide: MenuOperations,
      inject: [OperationsService, MachinesService, ImagesService, SETTINGS],
      useFactory: (
        operations: OperationsService,
        machines: MachinesService,
        images: ImagesService,
        { boot }: Settings,
      ) => new MenuOperations(operations, machines, images, boot.menuSshKeys),
    },
    {
      provide: PowerWatch,
      inject: [MachinesService, PowerReadings, PowerService, CLOCK, LOGGER, SETTINGS],
      useFactory: (
        machines: MachinesService,
        readings: PowerReadings,
        power: PowerService,
        clock: Clock,
        log: Logger,
        settings: Settings,
      ) => new PowerWatch({ machines, readings, power, clock, log }, settings.power.lookEverySeconds * 1000),
    },
  ],
  exports: [OperationsService, MenuOperations, power],
})
export class OperationsModule implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  constructor(
    @Inject(HandlerRegistry) private readonly registry: HandlerRegistry,
    @Inject(MachinesService) private readonly machines: MachinesService,
    @Inject(AgentsService) private readonly agents: AgentsService,
    @Inject(AgentOrders) private readonly orders: AgentOrders,
    @Inject(BootSessions) private readonly sessions: BootSessions,
    @Inject(ClaimsService) private readonly claims: ClaimsService,
    @Inject(MetadataTokens) private readonly tokens: MetadataTokens,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(PowerService) private readonly power: PowerService,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
    @Inject(PowerWatch) private readonly watch: PowerWatch,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    const { machines, agents, orders, sessions, claims, tokens, images, power, secrets } = this;
    const { callHomeSeconds } = this.settings.boot;
    const parts = { machines, agents, orders, sessions, claims, tokens, images, power, secrets, callHomeSeconds };
    for (const handler of machineHandlers(parts)) this.registry.register(handler);
  }

  onApplicationBootstrap(): void {
    const { roles, power } = this.settings;
    if (roles.includes('scheduler') && power.lookEverySeconds > 0) this.watch.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.watch.stop();
  }
}
