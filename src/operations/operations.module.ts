import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { ImagesModule, ImagesService } from '../images/index.js';
import {
  AgentOrders,
  AgentsService,
  BootSessions,
  ClaimsService,
  MachinesModule,
  MachinesService,
  MetadataTokens,
} from '../machines/index.js';
import { HandlerRegistry, PipelineModule, RunsService } from '../pipeline/index.js';
import { PowerModule, PowerService } from '../power/index.js';
import { AgentBoot } from './agent-boot.js';
import { OrderRunner } from './agent-order.js';
import { AcquireHandler } from './handlers/acquire.handler.js';
import { AwaitSshHandler } from './handlers/await-ssh.handler.js';
import { DeployBeginHandler } from './handlers/deploy-begin.handler.js';
import { EnlistHandler } from './handlers/enlist.handler.js';
import { InstallHandler } from './handlers/install.handler.js';
import { OrderHandler } from './handlers/order.handler.js';
import { PowerOffHandler } from './handlers/power-off.handler.js';
import { ReleaseHandler } from './handlers/release.handler.js';
import { ReleasedHandler } from './handlers/released.handler.js';
import { RestartHandler } from './handlers/restart.handler.js';
import { TransitionHandler } from './handlers/transition.handler.js';
import { OperationsService } from './operations.service.js';

const power = PowerModule.register({ imports: [MachinesModule], reader: MachinesService });

@Module({
  imports: [MachinesModule, ImagesModule, PipelineModule, power],
  providers: [
    {
      provide: OperationsService,
      inject: [MachinesService, AgentOrders, RunsService],
      useFactory: (machines: MachinesService, orders: AgentOrders, runs: RunsService) =>
        new OperationsService(machines, orders, runs),
    },
  ],
  exports: [OperationsService, power],
})
export class OperationsModule implements OnModuleInit {
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
  ) {}

  onModuleInit(): void {
    const { machines, agents, orders, sessions, claims, tokens, images, power } = this;
    const boot = new AgentBoot({ machines, agents, orders, sessions, power });
    const runner = new OrderRunner(boot, orders);
    for (const handler of [
      new EnlistHandler(machines, boot),
      new TransitionHandler(machines),
      new OrderHandler(machines, runner),
      new AcquireHandler(machines, claims),
      new DeployBeginHandler(machines),
      new InstallHandler(machines, images, tokens, runner),
      new AwaitSshHandler(machines, orders, sessions, power),
      new ReleaseHandler(machines),
      new ReleasedHandler(machines),
      new PowerOffHandler(machines, agents, orders, power),
      new RestartHandler(machines, agents, orders, power),
    ])
      this.registry.register(handler);
  }
}
