import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { AccessModule } from '../access/index.js';
import { CloudsModule } from '../clouds/index.js';
import { DeploymentsModule } from '../deployments/index.js';
import { ImagesModule } from '../images/index.js';
import { MachinesModule, MachinesService } from '../machines/index.js';
import { NetworksModule } from '../networks/index.js';
import { ImageOperationsModule, OperationsModule } from '../operations/index.js';
import { PipelineModule } from '../pipeline/index.js';
import { PowerModule } from '../power/index.js';
import { PlatformModule } from '../platform/index.js';
import { AccessGuard } from './access.guard.js';
import { ApiServer } from './api-server.js';
import { AuditInterceptor } from './audit.interceptor.js';
import { AcceptRulesController } from './controllers/accept-rules.controller.js';
import { ActionsController } from './controllers/actions.controller.js';
import { AuditController, TokensController } from './controllers/access.controller.js';
import { BundlesController } from './controllers/bundles.controller.js';
import { ChangesController } from './controllers/changes.controller.js';
import { UpgradesController } from './controllers/upgrades.controller.js';
import { CloudsController } from './controllers/clouds.controller.js';
import { DeploymentsController } from './controllers/deployments.controller.js';
import { DoctorController } from './controllers/doctor.controller.js';
import { EventsController } from './controllers/events.controller.js';
import { ExportsController } from './controllers/exports.controller.js';
import { ImagesController } from './controllers/images.controller.js';
import { LeasesController } from './controllers/leases.controller.js';
import { MachineOperationsController } from './controllers/machine-operations.controller.js';
import { MachinesController } from './controllers/machines.controller.js';
import { NodesController } from './controllers/nodes.controller.js';
import { RolesController } from './controllers/roles.controller.js';
import { RunsController } from './controllers/runs.controller.js';
import { SchedulesController } from './controllers/schedules.controller.js';
import { SubnetsController } from './controllers/subnets.controller.js';
import { SystemController } from './controllers/system.controller.js';
import { DeploymentRuns } from './deployment-runs.js';
import { HealthService } from './health.service.js';
import { ImageUploads } from './image-uploads.js';
import { InputInterceptor } from './input.interceptor.js';
import { LibraryAnswers } from './library-answers.js';
import { MachineDirectory } from './machine-directory.js';
import { MetricsInterceptor } from './metrics.interceptor.js';
import { MetricsService } from './metrics.service.js';
import { ProblemFilter } from './problem.filter.js';
import { RunStreams } from './run-streams.js';
import { SubjectNames } from './subject-names.js';

@Module({
  imports: [
    PlatformModule,
    AccessModule,
    MachinesModule,
    NetworksModule,
    ImagesModule,
    ImageOperationsModule,
    OperationsModule,
    DeploymentsModule,
    CloudsModule,
    PipelineModule,
    PowerModule.register({ imports: [MachinesModule], reader: MachinesService }),
  ],
  controllers: [
    SystemController,
    DoctorController,
    TokensController,
    AuditController,
    EventsController,
    RunsController,
    MachinesController,
    MachineOperationsController,
    DeploymentsController,
    NodesController,
    ChangesController,
    ExportsController,
    ActionsController,
    UpgradesController,
    SchedulesController,
    BundlesController,
    CloudsController,
    RolesController,
    AcceptRulesController,
    ImagesController,
    SubnetsController,
    LeasesController,
  ],
  providers: [
    ApiServer,
    HealthService,
    ImageUploads,
    LibraryAnswers,
    MachineDirectory,
    DeploymentRuns,
    RunStreams,
    SubjectNames,
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
