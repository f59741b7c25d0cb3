import type {
  BootEventRow,
  BootSession as StoredSession,
  Machine as StoredMachine,
  MachineEvent as StoredMachineEvent,
  PowerStateRead,
} from '../../machines/index.js';
import type { BootEvent, BootSession, Machine, MachineDetail, MachineEvent } from '../contract/index.js';

/** What is known of a machine beside its record. */
export interface MachineContext {
  deployment: string | null;
  runId: string | null;
  /** As it was last seen: nobody is asked for a list. */
  power: PowerStateRead;
}

export function machineView(machine: StoredMachine, known: MachineContext): Machine {
  const { id, name, state, failed, pool, zone, uuid, address, architecture, facts, version } = machine;
  return {
    ...{ id, name, state, failed, pool, zone, uuid, address, architecture, version },
    reason: machine.failedReason,
    accepted: machine.acceptedAt !== null,
    tags: [...new Set([...machine.tags, ...machine.ruleTags])].sort(),
    note: machine.notes,
    macs: machine.nics.map((nic) => nic.mac),
    cores: facts?.cpu.cores ?? null,
    memoryMegabytes: facts?.memoryMegabytes ?? null,
    diskBytes: facts?.disks.map((disk) => disk.sizeBytes) ?? [],
    power: { driver: machine.powerDriver, state: known.power },
    deployment: known.deployment,
    image: imageName(machine),
    runId: known.runId,
    createdAt: machine.createdAt.toISOString(),
    updatedAt: machine.updatedAt.toISOString(),
  };
}

export function machineDetailView(machine: StoredMachine, known: MachineContext): MachineDetail {
  return {
    ...machineView(machine, known),
    facts: machine.facts,
    powerParameters: machine.powerParameters,
    hostKeys: machine.hostKeys,
  };
}

/** What the audit keeps of a machine. */
export function machineForAudit(machine: StoredMachine) {
  const { name, state, failed, pool, zone, tags, notes, powerDriver, powerParameters, claim } = machine;
  const accepted = machine.acceptedAt !== null;
  return { name, state, failed, accepted, pool, zone, tags, notes, powerDriver, powerParameters, claim };
}

export function bootSessionView(
  session: StoredSession,
  events: readonly BootEventRow[],
  stallReason: string | null,
): BootSession {
  return {
    id: session.id,
    machine: session.machineId,
    mac: session.mac,
    startedAt: session.startedAt.toISOString(),
    lastAt: session.lastAt.toISOString(),
    stage: session.stage,
    stallReason,
    events: events.map(bootEventView),
  };
}

export function machineEventView(event: StoredMachineEvent): MachineEvent {
  const { id, kind, level, message, actor, details } = event;
  return { id, at: event.at.toISOString(), kind, level, message, actor, details };
}

function bootEventView(event: BootEventRow): BootEvent {
  const { stage, message, address, details } = event;
  return { at: event.at.toISOString(), stage, message, address, details };
}

function imageName(machine: StoredMachine): string | null {
  const { os, release, name } = machine.image ?? {};
  if (typeof os === 'string' && typeof release === 'string') return `${os}@${release}`;
  return typeof name === 'string' ? name : null;
}
