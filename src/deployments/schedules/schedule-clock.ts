import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { messageOf } from '../../error.js';
import type { Clock } from '../../platform/clock.js';
import type { Settings } from '../../platform/config/index.js';
import { CLOCK, SETTINGS } from '../../platform/index.js';
import { LOGGER, type Logger } from '../../platform/log/index.js';
import { ScheduleRunner } from './schedule-runner.js';

const EVERY_MS = 1000;

/** Looks every second, in processes with the role `scheduler`. */
@Injectable()
export class ScheduleClock implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly stopped = new AbortController();
  private loop: Promise<void> | null = null;

  constructor(
    @Inject(ScheduleRunner) private readonly runner: ScheduleRunner,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.roles.includes('scheduler')) this.loop = this.run();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopped.abort(new Error('the scheduler stops'));
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      await this.runner.look().catch((error: unknown) => {
        this.logger.warn({ reason: messageOf(error) }, 'cannot look at the schedules now; again in a second');
      });
      await this.clock.sleep(EVERY_MS, this.stopped.signal).catch(() => undefined);
    }
  }
}
