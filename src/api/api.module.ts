import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AccessModule } from '../access/index.js';
import { PlatformModule } from '../platform/index.js';
import { AccessGuard } from './access.guard.js';
import { ApiServer } from './api-server.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { AuditController, TokensController } from './controllers/access.controller.js';
import { SystemController } from './controllers/system.controller.js';
import { HealthService } from './health.service.js';
import { InputInterceptor } from './input.interceptor.js';
import { MetricsInterceptor } from './metrics.interceptor.js';
import { MetricsService } from './metrics.service.js';
import { ProblemFilter } from './problem.filter.js';

@Module({
  imports: [PlatformModule, AccessModule],
  controllers: [SystemController, TokensController, AuditController],
  providers: [
    ApiServer,
    HealthService,
    MetricsService,
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_GUARD, useClass: AccessGuard },
    // In this order: a request that is refused for its input is measured and recorded as well.
    { provide: APP_INTERCEPTOR, useClass: MetricsInterceptor },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
    { provide: APP_INTERCEPTOR, useClass: InputInterceptor },
  ],
  exports: [ApiServer],
})
export class ApiModule {}
