import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';
import type { Observable } from 'rxjs';
import type { Route } from './contract/index.js';
import { ROUTE_METADATA } from './endpoint.js';
import { MetricsService } from './metrics.service.js';

/** Measures every request but event streams, which last as long as their reader. */
@Injectable()
export class MetricsInterceptor implements NestInterceptor {
  constructor(
    @Inject(MetricsService) private readonly metrics: MetricsService,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = this.reflector.get<Route | undefined>(ROUTE_METADATA, context.getHandler());
    if (route !== undefined && route.produces !== 'text/event-stream') {
      const response = context.switchToHttp().getResponse<Response>();
      const began = process.hrtime.bigint();
      response.once('finish', () => {
        const seconds = Number(process.hrtime.bigint() - began) / 1e9;
        this.metrics.noteRequest(route.id, response.statusCode, seconds);
      });
    }
    return next.handle();
  }
}
