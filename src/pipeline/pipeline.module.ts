import { hostname } from 'node:os';
import {
  Inject,
  Module,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type Provider,
} from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { CLOCK, PlatformModule, SECRET_BOX, SETTINGS } from '../platform/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import { REMOTE, SshRemote } from '../platform/remote/index.js';
import { StepQueue, StepQueueListener, type StepQueueOptions } from '../platform/queue/index.js';
import { databaseOf } from './database.js';
import { Engine, systemRandomness } from './engine.js';
import { HandlerRegistry } from './handler-registry.js';
import { DEFAULT_ENGINE_SETTINGS, type EngineSettings, type SecretBox } from './outside.js';
import { RunsService } from './runs.service.js';
import { SubjectRegistry } from './subject-registry.js';

function engineSettings(settings: Settings): EngineSettings {
  const { concurrency, stepsPerRun, destructiveAtOnce, leaseSeconds, sweepMs, retentionDays } = settings.pipeline;
  return {
    ...DEFAULT_ENGINE_SETTINGS,
    ...{ concurrency, stepsPerRun, destructiveAtOnce, leaseSeconds, sweepMs, retentionDays },
    logBytesPerStep: settings.pipeline.logKibPerStep * 1024,
  };
}

function queueOptions(settings: Settings): StepQueueOptions {
  if (settings.redisUrl === undefined) {
    throw new MusterError('invalid', 'cannot start the pipeline: no Redis is given', {
      hint: 'set REDIS_URL, or run `muster serve`, which starts one',
    });
  }
  return { redisUrl: settings.redisUrl, prefix: settings.pipeline.queuePrefix };
}

const providers: Provider[] = [
  { provide: HandlerRegistry, useFactory: () => new HandlerRegistry() },
  { provide: SubjectRegistry, useFactory: () => new SubjectRegistry() },
  {
    provide: StepQueue,
    inject: [SETTINGS],
    useFactory: (settings: Settings) => new StepQueue(queueOptions(settings)),
  },
  {
    provide: Engine,
    inject: [getDataSourceToken(), StepQueue, CLOCK, SECRET_BOX, LOGGER, SETTINGS, HandlerRegistry, SubjectRegistry],
    useFactory: (
      dataSource: DataSource,
      bell: StepQueue,
      clock: Clock,
      secrets: SecretBox,
      logger: Logger,
      settings: Settings,
      handlers: HandlerRegistry,
      subjects: SubjectRegistry,
    ) =>
      new Engine(
        {
          ...{ bell, clock, secrets, logger },
          database: databaseOf(dataSource),
          random: systemRandomness,
          settings: engineSettings(settings),
        },
        handlers,
        subjects,
        `${hostname()}/${process.pid}`,
      ),
  },
  { provide: REMOTE, useFactory: () => new SshRemote() },
  { provide: RunsService, inject: [Engine], useFactory: (engine: Engine) => engine.runs },
];

/**
 * The pipeline in a process. Other rooms inject {@link RunsService}, and in their `onModuleInit` register handlers with
 * {@link HandlerRegistry} and owners of subjects with {@link SubjectRegistry}. With the role `worker` it takes steps,
 * with `scheduler` it sweeps. REMOTE is the way to nodes.
 */
@Module({ imports: [PlatformModule], providers, exports: [RunsService, HandlerRegistry, SubjectRegistry, REMOTE] })
export class PipelineModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private listener: StepQueueListener | null = null;

  constructor(
    @Inject(Engine) private readonly engine: Engine,
    @Inject(StepQueue) private readonly queue: StepQueue,
    @Inject(HandlerRegistry) private readonly handlers: HandlerRegistry,
    @Inject(REMOTE) private readonly remote: SshRemote,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    this.handlers.checkComplete();
    if (this.settings.roles.includes('scheduler')) this.engine.sweeper.start();
    if (!this.settings.roles.includes('worker')) return;
    this.engine.worker.start();
    this.listener = new StepQueueListener(
      { ...queueOptions(this.settings), concurrency: this.settings.pipeline.concurrency },
      (stepId) => this.engine.worker.deliver(stepId),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.listener?.close();
    await Promise.all([this.engine.worker.stop(), this.engine.sweeper.stop()]);
    await Promise.all([this.queue.close(), this.remote.close()]);
  }
}
