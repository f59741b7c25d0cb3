import {
  Inject,
  type InjectionToken,
  Module,
  type ModuleMetadata,
  type BeforeApplicationShutdown,
  type DynamicModule,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import { BootFiles, ContentStore, ImagesModule } from '../images/index.js';
import {
  AgentOrders,
  AgentsService,
  BootNonces,
  BootSessions,
  MachinesModule,
  MachinesService,
  MetadataTokens,
} from '../machines/index.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { ChangeListener } from '../platform/database/index.js';
import { AUTHORITY, CLOCK, PlatformModule, SETTINGS } from '../platform/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import type { CertificateAuthority } from '../platform/tls/index.js';
import { BOOT_DECIDER, BOOT_OBSERVER, type BootDecider } from './boot-client.js';
import { StoredBootContent } from './boot-content.js';
import { BootHttpService } from './boot-http.service.js';
import { BootRecorder } from './boot-recorder.js';
import { BootScripts, type MenuOperations } from './boot-scripts.js';
import { agentRoutes } from './http/agent-routes.js';
import { bootRoutes } from './http/boot-routes.js';
import { metadataRoutes } from './http/metadata-routes.js';
import { OrderWaiter } from './http/order-waiter.js';
import { LanServices } from './lan-services.js';
import { MachineSnapshot } from './machine-snapshot.js';
import { SnapshotBootDecider } from './snapshot-boot-decider.js';
import { TftpBoot } from './tftp-boot.js';

const DATA_SOURCE = getDataSourceToken();
const MENU_OPERATIONS = Symbol('MenuOperations');
const FORGET_MS = 3_600_000;

const providers: Provider[] = [
  {
    provide: ChangeListener,
    inject: [DATA_SOURCE, LOGGER],
    useFactory: (db: DataSource, log: Logger) => new ChangeListener(db, log),
  },
  {
    provide: MachineSnapshot,
    inject: [DATA_SOURCE, ChangeListener, CLOCK, LOGGER],
    useFactory: (db: DataSource, listener: ChangeListener, clock: Clock, log: Logger) =>
      new MachineSnapshot(db, listener, clock, log),
  },
  {
    provide: BOOT_DECIDER,
    inject: [MachineSnapshot, SETTINGS],
    useFactory: (snapshot: MachineSnapshot, { boot }: Settings) => new SnapshotBootDecider(snapshot, boot),
  },
  {
    provide: BOOT_OBSERVER,
    inject: [BootSessions, LOGGER],
    useFactory: (sessions: BootSessions, log: Logger) => new BootRecorder(sessions, log),
  },
  {
    provide: BootScripts,
    inject: [MachineSnapshot, BootNonces, SETTINGS, CLOCK, AUTHORITY, LanServices, MENU_OPERATIONS],
    useFactory: (
      snapshot: MachineSnapshot,
      nonces: BootNonces,
      { boot }: Settings,
      clock: Clock,
      authority: CertificateAuthority,
      lan: LanServices,
      menu: MenuOperations,
    ) => {
      const scripts = { ...boot, caSha256: authority.caSha256() };
      const unknownMachinesAt = (client: string) => lan.unknownMachinesAt(client);
      return new BootScripts(snapshot, nonces, scripts, clock, menu, unknownMachinesAt);
    },
  },
  {
    provide: StoredBootContent,
    inject: [DATA_SOURCE, ContentStore, BootFiles, CLOCK],
    useFactory: (db: DataSource, store: ContentStore, files: BootFiles, clock: Clock) =>
      new StoredBootContent(db, store, files, clock),
  },
  {
    provide: TftpBoot,
    inject: [SETTINGS, CLOCK, BOOT_OBSERVER, BootScripts, StoredBootContent, BootNonces],
    useFactory: (
      { boot }: Settings,
      clock: Clock,
      observer: BootRecorder,
      scripts: BootScripts,
      content: StoredBootContent,
      nonces: BootNonces,
    ) => new TftpBoot({ ...boot, scripts, nonces, content, observer, clock }),
  },
  {
    provide: OrderWaiter,
    inject: [ChangeListener],
    useFactory: (listener: ChangeListener) => new OrderWaiter(listener),
  },
  {
    provide: BootHttpService,
    inject: [
      SETTINGS,
      CLOCK,
      LOGGER,
      AUTHORITY,
      BOOT_OBSERVER,
      BootScripts,
      StoredBootContent,
      OrderWaiter,
      BootNonces,
      MetadataTokens,
      MachinesService,
      AgentsService,
      AgentOrders,
    ],
    useFactory: (
      { boot }: Settings,
      clock: Clock,
      log: Logger,
      authority: CertificateAuthority,
      observer: BootRecorder,
      scripts: BootScripts,
      content: StoredBootContent,
      waiter: OrderWaiter,
      nonces: BootNonces,
      tokens: MetadataTokens,
      machines: MachinesService,
      agents: AgentsService,
      orders: AgentOrders,
    ) => {
      const { certificatePem } = authority;
      const boots = bootRoutes({ ...boot, scripts, nonces, content, observer, clock, certificatePem });
      const metadata = metadataRoutes({ tokens, machines, observer, clock });
      const agent = agentRoutes({ ...boot, agents, orders, waiter, observer, clock });
      const routes = { plain: [...boots, ...metadata], tls: [...agent, ...metadata] };
      return new BootHttpService(boot, routes, authority, clock, log);
    },
  },
  {
    provide: LanServices,
    inject: [DATA_SOURCE, SETTINGS, BootFiles, BOOT_DECIDER, BOOT_OBSERVER, LOGGER],
    useFactory: (
      dataSource: DataSource,
      settings: Settings,
      bootFiles: BootFiles,
      boot: BootDecider,
      observer: BootRecorder,
      log: Logger,
    ) => new LanServices({ dataSource, settings, bootFiles, boot, observer, log }),
  },
];

/** Answers booting machines. Its sockets are bound when the application is up, and only in a process of the boot role. */
@Module({
  imports: [PlatformModule, MachinesModule, ImagesModule],
  providers,
  exports: [BOOT_DECIDER, BOOT_OBSERVER],
})
export class NetbootModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private timer: NodeJS.Timeout | null = null;

  constructor(
    @Inject(MachineSnapshot) private readonly snapshot: MachineSnapshot,
    @Inject(BootHttpService) private readonly http: BootHttpService,
    @Inject(OrderWaiter) private readonly waiter: OrderWaiter,
    @Inject(BOOT_OBSERVER) private readonly recorder: BootRecorder,
    @Inject(ChangeListener) private readonly listener: ChangeListener,
    @Inject(BootNonces) private readonly nonces: BootNonces,
    @Inject(LanServices) private readonly lan: LanServices,
    @Inject(TftpBoot) private readonly tftp: TftpBoot,
    @Inject(BootSessions) private readonly sessions: BootSessions,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** `menu` is the token of {@link MenuOperations} that one of `imports` exports. */
  static register(options: { imports: NonNullable<ModuleMetadata['imports']>; menu: InjectionToken }): DynamicModule {
    return {
      module: NetbootModule,
      imports: options.imports,
      providers: [{ provide: MENU_OPERATIONS, useExisting: options.menu }],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.forgetOld();
    this.timer = setInterval(() => void this.forgetOld(), FORGET_MS);
    await this.snapshot.start();
    await this.http.start();
    await this.lan.start((name, client) => this.tftp.find(name, client));
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.lan.stop();
    this.waiter.close();
    await this.http.stop();
    this.snapshot.stop();
    await this.recorder.close();
    await this.listener.close();
  }

  /** Without Postgres it is tried again in an hour. */
  private async forgetOld(): Promise<void> {
    try {
      await this.nonces.forgetOld();
      await this.sessions.forgetOld(this.clock.now());
    } catch (error) {
      this.log.warn({ reason: messageOf(error) }, 'cannot forget old boots');
    }
  }
}
