import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { Redis } from 'ioredis';
import type { DataSource } from 'typeorm';
import { CLOCK, SETTINGS } from '../platform/index.js';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { connectRedis } from '../platform/queue/index.js';
import type { Health } from './contract/index.js';

const PATIENCE_MS = 2000;

/** Whether this process can do its work: are its datastores there? */
@Injectable()
export class HealthService implements OnApplicationShutdown {
  private redis: Redis | null = null;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async look(): Promise<Health> {
    const [postgres, redis] = await Promise.all([
      this.answers(() => this.dataSource.query('select 1')),
      this.settings.redisUrl === undefined ? ('unknown' as const) : this.answers(() => this.openRedis().ping()),
    ]);
    return { status: postgres === 'up' && redis !== 'down' ? 'ok' : 'degraded', postgres, redis };
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private openRedis(): Redis {
    this.redis ??= connectRedis(this.settings.redisUrl ?? '');
    return this.redis;
  }

  private async answers(ask: () => Promise<unknown>): Promise<'up' | 'down'> {
    const patience = new AbortController();
    const tooLate = this.clock.sleep(PATIENCE_MS, patience.signal).then(
      () => 'down' as const,
      () => 'down' as const,
    );
    const asked = ask().then(
      () => 'up' as const,
      () => 'down' as const,
    );
    const answer = await Promise.race([asked, tooLate]);
    patience.abort();
    return answer;
  }
}
