import { Controller, Inject, Res } from '@nestjs/common';
import type { Response } from 'express';
import { systemRoutes, type Health } from '../contract/index.js';
import { Endpoint } from '../endpoint.js';
import { HealthService } from '../health.service.js';
import { MetricsService } from '../metrics.service.js';

@Controller()
export class SystemController {
  constructor(
    @Inject(HealthService) private readonly health: HealthService,
    @Inject(MetricsService) private readonly metrics: MetricsService,
  ) {}

  @Endpoint(systemRoutes.health)
  async show(@Res({ passthrough: true }) response: Response): Promise<Health> {
    const health = await this.health.look();
    response.status(health.status === 'ok' ? 200 : 503);
    return health;
  }

  @Endpoint(systemRoutes.metrics)
  async showMetrics(@Res({ passthrough: true }) response: Response): Promise<string> {
    response.type('text/plain; version=0.0.4');
    return this.metrics.text();
  }
}
