export { AgentOrder, type OrderStatus, type StoredResult } from './agent-order.entity.js';
export type { AgentOrderLog } from './agent-order-log.entity.js';
export * from './agent-orders.js';
export { AgentOrders, type IssuedOrder, type OrderRequest } from './agent-orders.service.js';
export { AgentSession } from './agent-session.entity.js';
export { AgentsService, type NextOrder, type SessionRequest } from './agents.service.js';
export type { BootEventRow } from './boot-event.entity.js';
export type { BootNonce } from './boot-nonce.entity.js';
export { BootNonces, type NonceSubject } from './boot-nonces.service.js';
export { BOOT_PURPOSES, type BootPurpose } from './boot-purpose.js';
export { BOOT_URL, withBootUrl } from './boot-url.js';
export { BootSession } from './boot-session.entity.js';
export { BootSessions, type SeenEvent } from './boot-sessions.service.js';
export type { StageEvent } from './boot-stages.js';
export { ClaimsService, type ClaimRequest } from './claims.service.js';
export type { Fitting, MachineConstraint } from './constraint.js';
export { factMisfits, type FactConstraint } from './fact-constraints.js';
export { EnlistmentService, type SeenMachine } from './enlistment.service.js';
export * from './facts.js';
export { sameUuid, swapped, usableMac, usableUuid } from './identity.js';
export { MACHINE_STATES, type MachineState } from './lifecycle.js';
export type { MachineFields, NewEvent, StateChange } from './machine-changes.js';
export { type EventLevel, MachineEvent } from './machine-event.entity.js';
export type { MachineNic } from './machine-nic.entity.js';
export { AcceptRule, type TagRule } from './machine-rule.entity.js';
export { MachineRules } from './machine-rules.service.js';
export { Machine, type DeployTarget, type Firmware } from './machine.entity.js';
export {
  MachinesService,
  type Declaration,
  type Description,
  type MachineFilter,
  type PowerRecord,
} from './machines.service.js';
export { MachinesModule } from './machines.module.js';
export { MetadataTokens, type Seed } from './metadata-tokens.service.js';
export { PowerReadings, type PowerStateRead } from './power-readings.service.js';
