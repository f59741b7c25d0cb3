export type * from './power.js';
export * from './power-error.js';
export * from './power.service.js';
export * from './driver-registry.js';
export { PowerModule } from './power.module.js';
export { QemuPowerDriver } from './qemu/qemu.driver.js';
export { IpmiPowerDriver } from './ipmi/ipmi.driver.js';
export { RedfishPowerDriver } from './redfish/redfish.driver.js';
export { WebhookPowerDriver } from './webhook/webhook.driver.js';
