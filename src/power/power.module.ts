import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata } from '@nestjs/common';
import { systemClock } from '../platform/clock.js';
import { PowerDriverRegistry } from './driver-registry.js';
import { ManualPowerDriver } from './manual/manual.driver.js';
import { type PowerRecordReader, PowerService } from './power.service.js';
import { QemuPowerDriver } from './qemu/qemu.driver.js';

/** Every driver of muster; one instance each, they keep nothing between calls. */
export function createPowerDrivers(): PowerDriverRegistry {
  return new PowerDriverRegistry([new QemuPowerDriver(), new ManualPowerDriver()]);
}

/** Provides {@link PowerService} and {@link PowerDriverRegistry}. */
@Module({})
export class PowerModule {
  /** `reader` is the token of a {@link PowerRecordReader} that one of `imports` exports. */
  static register(options: { imports: NonNullable<ModuleMetadata['imports']>; reader: InjectionToken }): DynamicModule {
    return {
      module: PowerModule,
      imports: options.imports,
      providers: [
        { provide: PowerDriverRegistry, useFactory: createPowerDrivers },
        {
          provide: PowerService,
          useFactory: (records: PowerRecordReader, drivers: PowerDriverRegistry) =>
            new PowerService(records, drivers, systemClock),
          inject: [options.reader, PowerDriverRegistry],
        },
      ],
      exports: [PowerService, PowerDriverRegistry],
    };
  }
}
