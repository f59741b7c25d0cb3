import { Module } from '@nestjs/common';
import { systemClock } from './clock.js';
import { loadSettings, type Settings } from './config/index.js';
import { createLogger, LOGGER } from './log/index.js';

export const SETTINGS = Symbol('Settings');
export const CLOCK = Symbol('Clock');

/** What every room may ask for: `@Inject(SETTINGS)`, `@Inject(LOGGER)`, `@Inject(CLOCK)`. Tests override them. */
@Module({
  providers: [
    { provide: SETTINGS, useFactory: () => loadSettings() },
    { provide: LOGGER, inject: [SETTINGS], useFactory: (settings: Settings) => createLogger(settings.log) },
    { provide: CLOCK, useValue: systemClock },
  ],
  exports: [SETTINGS, LOGGER, CLOCK],
})
export class PlatformModule {}
