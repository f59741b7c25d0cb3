import { Module, type Provider } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { Clock } from '../platform/clock.js';
import { CLOCK, PlatformModule, SECRET_BOX } from '../platform/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { AgentOrders } from './agent-orders.service.js';
import { AgentsService } from './agents.service.js';
import { BootNonces } from './boot-nonces.service.js';
import { BootSessions } from './boot-sessions.service.js';
import { ClaimsService } from './claims.service.js';
import { EnlistmentService } from './enlistment.service.js';
import { checkTransitions } from './lifecycle.js';
import { MachineRules } from './machine-rules.service.js';
import { MachinesService } from './machines.service.js';
import { MetadataTokens } from './metadata-tokens.service.js';
import { PowerReadings } from './power-readings.service.js';

const DATA_SOURCE = getDataSourceToken();

const services: Provider[] = [
  {
    provide: MachinesService,
    inject: [DATA_SOURCE, SECRET_BOX, CLOCK],
    useFactory: (db: DataSource, secrets: SecretBox, clock: Clock) => {
      checkTransitions();
      return new MachinesService(db, secrets, clock);
    },
  },
  { provide: ClaimsService, inject: [DATA_SOURCE], useFactory: (db: DataSource) => new ClaimsService(db) },
  { provide: PowerReadings, inject: [DATA_SOURCE], useFactory: (db: DataSource) => new PowerReadings(db) },
  { provide: BootSessions, inject: [DATA_SOURCE], useFactory: (db: DataSource) => new BootSessions(db) },
  {
    provide: BootNonces,
    inject: [DATA_SOURCE, CLOCK],
    useFactory: (db: DataSource, clock: Clock) => new BootNonces(db, clock),
  },
  {
    provide: EnlistmentService,
    inject: [DATA_SOURCE, CLOCK],
    useFactory: (db: DataSource, clock: Clock) => new EnlistmentService(db, clock),
  },
  {
    provide: MachineRules,
    inject: [DATA_SOURCE, EnlistmentService],
    useFactory: (db: DataSource, enlistment: EnlistmentService) => new MachineRules(db, enlistment),
  },
  {
    provide: AgentOrders,
    inject: [DATA_SOURCE, SECRET_BOX, CLOCK],
    useFactory: (db: DataSource, secrets: SecretBox, clock: Clock) => new AgentOrders(db, secrets, clock),
  },
  {
    provide: MetadataTokens,
    inject: [DATA_SOURCE, SECRET_BOX, CLOCK],
    useFactory: (db: DataSource, secrets: SecretBox, clock: Clock) => new MetadataTokens(db, secrets, clock),
  },
  {
    provide: AgentsService,
    inject: [DATA_SOURCE, BootNonces, EnlistmentService, AgentOrders, CLOCK],
    useFactory: (
      db: DataSource,
      nonces: BootNonces,
      enlistment: EnlistmentService,
      orders: AgentOrders,
      clock: Clock,
    ) => new AgentsService(db, nonces, enlistment, orders, clock),
  },
];

/** The inventory. Whoever imports it brings a TypeORM data source (forRoot) with the ENTITIES. */
@Module({ imports: [PlatformModule], providers: services, exports: services })
export class MachinesModule {}
