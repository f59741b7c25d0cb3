import { type DynamicModule, type InjectionToken, Module, type ModuleMetadata } from '@nestjs/common';
import type { Clock } from '../platform/clock.js';
import type { Settings } from '../platform/config/index.js';
import { CLOCK, PlatformModule, SETTINGS } from '../platform/index.js';
import { PowerDriverRegistry } from './driver-registry.js';
import { IpmiPowerDriver } from './ipmi/ipmi.driver.js';
import { ManualPowerDriver } from './manual/manual.driver.js';
import { type PowerRecordReader, PowerService } from './power.service.js';
import { QemuPowerDriver } from './qemu/qemu.driver.js';
import { RedfishPowerDriver } from './redfish/redfish.driver.js';
import { WakeOnLanPowerDriver } from './wake-on-lan/wake-on-lan.driver.js';
import { WebhookPowerDriver } from './webhook/webhook.driver.js';

/** Every driver of muster; one instance each, they keep nothing between calls. */
function createPowerDrivers(clock: Clock, settings: Pick<Settings, 'power'>): PowerDriverRegistry {
  const options = { allowLocal: settings.power.allowLocalAddresses };
  return new PowerDriverRegistry([
    new IpmiPowerDriver(),
    new RedfishPowerDriver(options),
    new WakeOnLanPowerDriver(),
    new WebhookPowerDriver(clock, options),
    new QemuPowerDriver(),
    new ManualPowerDriver(),
  ]);
}

/** Provides {@link PowerService} and {@link PowerDriverRegistry}. */
@Module({})
export class PowerModule {
  /** `reader` is the token of a {@link PowerRecordReader} that one of `imports` exports. */
  static register(options: { imports: NonNullable<ModuleMetadata['imports']>; reader: InjectionToken }): DynamicModule {
    return {
      module: PowerModule,
      imports: [PlatformModule, ...options.imports],
      providers: [
        { provide: PowerDriverRegistry, useFactory: createPowerDrivers, inject: [CLOCK, SETTINGS] },
        {
          provide: PowerService,
          useFactory: (records: PowerRecordReader, drivers: PowerDriverRegistry, clock: Clock) =>
            new PowerService(records, drivers, clock),
          inject: [options.reader, PowerDriverRegistry, CLOCK],
        },
      ],
      exports: [PowerService, PowerDriverRegistry],
    };
  }
}
