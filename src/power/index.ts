export type * from './power.js';
export * from './power-error.js';
export * from './power.service.js';
export * from './driver-registry.js';
export { QemuPowerDriver } from './qemu/qemu.driver.js';
export { createPowerDrivers, PowerModule } from './power.module.js';
