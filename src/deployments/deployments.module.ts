import { Inject, Module, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { ArtifactCache, artifactSource, ArtifactsModule } from '../artifacts/index.js';
import { CloudsModule } from '../clouds/index.js';
import { ImagesModule, ImagesService } from '../images/index.js';
import { HandlerRegistry, nodeHandlers, PipelineModule, RunsService, SubjectRegistry } from '../pipeline/index.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { CLOCK, PlatformModule, SETTINGS } from '../platform/index.js';
import { REMOTE, type Remote } from '../platform/remote/index.js';
import { ArchivesModule } from './archive/archives.module.js';
import { BroughtBundles } from './archive/brought-bundles.js';
import { KeptPackages } from './archive/kept-packages.js';
import { SendContainerHandler } from './containers/send-container.handler.js';
import { ContainerImageHandler, withStoredImages } from './containers/container-image.handler.js';
import { ActionsService } from './actions.service.js';
import { BundleOutputs } from './bundle-outputs.js';
import { DeploymentOwner } from './deployment-owner.js';
import { DeploymentPlanner } from './deployment-planner.js';
import { DeploymentRecords } from './deployment-records.js';
import { DeploymentsService } from './deployments.service.js';
import { ExportService } from './export.service.js';
import { ForgetUnitHandler } from './forget-unit.handler.js';
import { ForgetNodeHandler } from './forget-node.handler.js';
import { KnownNodeHandler } from './known-node.handler.js';
import { LaidDownHandler } from './laid-down.handler.js';
import { DeploymentNodes } from './node-directory.js';
import { ReachService } from './reach.service.js';
import { RecordNodeHandler } from './record-node.handler.js';
import { RemoveDeploymentHandler } from './remove-deployment.handler.js';
import { ScheduleClock } from './schedules/schedule-clock.js';
import { ScheduleRunner } from './schedules/schedule-runner.js';
import { ScheduledActions } from './schedules/scheduled-actions.js';
import { SchedulesService } from './schedules/schedules.service.js';
import { StandingState } from './standing.js';
import { ContainersService } from './containers.service.js';
import { TeardownService } from './teardown.service.js';
import { UpgradeService } from './upgrade/upgrade.service.js';
import { VerifyService } from './verify.service.js';

@Module({
  imports: [PlatformModule, PipelineModule, ArtifactsModule, ArchivesModule, CloudsModule, ImagesModule],
  providers: [
    DeploymentNodes,
    DeploymentRecords,
    StandingState,
    SchedulesService,
    ScheduledActions,
    ScheduleRunner,
    ScheduleClock,
    DeploymentPlanner,
    DeploymentsService,
    ContainersService,
    TeardownService,
    VerifyService,
    ExportService,
    ActionsService,
    ReachService,
    UpgradeService,
    BundleOutputs,
  ],
  exports: [
    DeploymentsService,
    SchedulesService,
    ContainersService,
    TeardownService,
    VerifyService,
    ExportService,
    ActionsService,
    ReachService,
    UpgradeService,
    BundleOutputs,
    ArchivesModule,
  ],
})
export class DeploymentsModule implements OnModuleInit {
  constructor(
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
    @Inject(SubjectRegistry) private readonly subjects: SubjectRegistry,
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(DeploymentNodes) private readonly nodes: DeploymentNodes,
    @Inject(StandingState) private readonly state: StandingState,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(REMOTE) private readonly remote: Remote,
    @Inject(ArtifactCache) private readonly cache: ArtifactCache,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(BroughtBundles) private readonly brought: BroughtBundles,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  onModuleInit(): void {
    const { dataSource, nodes, remote, settings } = this;
    const artifacts = withStoredImages(this.images, artifactSource(this.cache));
    const packages = new KeptPackages(this.brought);
    for (const handler of [
      new RecordNodeHandler(dataSource, remote, nodes),
      new KnownNodeHandler(dataSource),
      new ForgetNodeHandler(dataSource),
      new ForgetUnitHandler(dataSource, this.state, this.runs),
      new RemoveDeploymentHandler(dataSource),
      new LaidDownHandler(),
      new ContainerImageHandler(this.images),
      new SendContainerHandler({ remote, nodes }),
      ...nodeHandlers({ remote, nodes, artifacts, packages }, { logBytes: settings.pipeline.logKibPerStep * 1024 }),
    ])
      this.handlers.register(handler);
    this.subjects.register(new DeploymentOwner(this.state, this.clock));
  }
}
