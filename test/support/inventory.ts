import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import {
  AgentOrders,
  AgentsService,
  BootNonces,
  BootSessions,
  ClaimsService,
  EnlistmentService,
  MachineRules,
  MachinesService,
  MetadataTokens,
  PowerReadings,
} from '../../src/machines/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { SecretBox } from '../../src/platform/secrets/index.js';

/** The inventory's services over a database, built by hand. */
export function inventoryOn(dataSource: DataSource, secrets = new SecretBox([randomBytes(32)])) {
  const clock = systemClock;
  const machines = new MachinesService(dataSource, secrets, clock);
  const nonces = new BootNonces(dataSource, clock);
  const enlistment = new EnlistmentService(dataSource, clock);
  const orders = new AgentOrders(dataSource, secrets, clock);
  return {
    dataSource,
    secrets,
    clock,
    machines,
    nonces,
    enlistment,
    orders,
    rules: new MachineRules(dataSource, enlistment),
    claims: new ClaimsService(dataSource),
    readings: new PowerReadings(dataSource),
    sessions: new BootSessions(dataSource),
    tokens: new MetadataTokens(dataSource, secrets, clock),
    agents: new AgentsService(dataSource, nonces, enlistment, orders, clock),
  };
}
export type Inventory = ReturnType<typeof inventoryOn>;

/** Declared by an address of a driver that needs none. */
export const manualPower = { driver: 'manual', parameters: {} };
