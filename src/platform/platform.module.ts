import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { systemClock } from './clock.js';
import { loadSettings, type Settings } from './config/index.js';
import { createLogger, LOGGER } from './log/index.js';
import { openSecretBox } from './secrets/index.js';
import { CertificateAuthority } from './tls/index.js';

export const SETTINGS = Symbol('Settings');
export const CLOCK = Symbol('Clock');
/** The {@link SecretBox} that seals and opens what is secret in the database. */
export const SECRET_BOX = Symbol('SecretBox');
/** The {@link CertificateAuthority} that agents and the CLI trust. */
export const AUTHORITY = Symbol('CertificateAuthority');

/** What every room may ask for: `@Inject(SETTINGS)`, `@Inject(LOGGER)`, `@Inject(CLOCK)` … Tests override them. */
@Module({
  providers: [
    { provide: SETTINGS, useFactory: () => loadSettings() },
    { provide: LOGGER, inject: [SETTINGS], useFactory: (settings: Settings) => createLogger(settings.log) },
    { provide: CLOCK, useValue: systemClock },
    { provide: SECRET_BOX, inject: [SETTINGS], useFactory: (settings: Settings) => openSecretBox(settings) },
    {
      provide: AUTHORITY,
      inject: [SETTINGS],
      useFactory: (settings: Settings) => CertificateAuthority.open(join(settings.dataDir, 'tls')),
    },
  ],
  exports: [SETTINGS, LOGGER, CLOCK, SECRET_BOX, AUTHORITY],
})
export class PlatformModule {}
