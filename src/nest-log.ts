import type { LoggerService } from '@nestjs/common';
import type { Logger } from './platform/log/index.js';

/** Nest's own messages, into our log. Its start-up chatter is for debugging. */
export class NestLog implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, context?: string): void {
    this.logger.debug({ context }, String(message));
  }

  warn(message: unknown, context?: string): void {
    this.logger.warn({ context }, String(message));
  }

  error(message: unknown, ...details: unknown[]): void {
    this.logger.error({ details, error: message instanceof Error ? message : undefined }, String(message));
  }
}
