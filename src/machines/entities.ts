import { AgentOrderLog } from './agent-order-log.entity.js';
import { AgentOrder } from './agent-order.entity.js';
import { AgentSession } from './agent-session.entity.js';
import { BootEventRow } from './boot-event.entity.js';
import { BootNonce } from './boot-nonce.entity.js';
import { BootSession } from './boot-session.entity.js';
import { MachineEvent } from './machine-event.entity.js';
import { MachineNic } from './machine-nic.entity.js';
import { AcceptRule, TagRule } from './machine-rule.entity.js';
import { Machine } from './machine.entity.js';
import { MetadataToken } from './metadata-token.entity.js';
import { PowerReading } from './power-reading.entity.js';

export const MACHINE_ENTITIES = [
  Machine,
  MachineNic,
  MachineEvent,
  AcceptRule,
  TagRule,
  BootSession,
  BootEventRow,
  BootNonce,
  MetadataToken,
  AgentSession,
  AgentOrder,
  AgentOrderLog,
  PowerReading,
];
