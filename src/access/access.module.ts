import { Module } from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import type { Clock } from '../platform/clock.js';
import { CLOCK, PlatformModule } from '../platform/index.js';
import { AccessToken } from './access-token.entity.js';
import { AuditEntry } from './audit-entry.entity.js';
import { AuditService } from './audit.service.js';
import { TokensService } from './tokens.service.js';

@Module({
  imports: [PlatformModule, TypeOrmModule.forFeature([AccessToken, AuditEntry])],
  providers: [
    {
      provide: TokensService,
      inject: [getDataSourceToken(), CLOCK],
      useFactory: (dataSource: DataSource, clock: Clock) => new TokensService(dataSource, clock),
    },
    {
      provide: AuditService,
      inject: [getDataSourceToken(), CLOCK],
      useFactory: (dataSource: DataSource, clock: Clock) => new AuditService(dataSource, clock),
    },
  ],
  exports: [TokensService, AuditService],
})
export class AccessModule {}
