import { type DataSource, type EntityManager, In } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject } from '../plan/index.js';
import { type MachineState, mayGo } from './lifecycle.js';
import { type EventLevel, MachineEvent } from './machine-event.entity.js';
import { Machine } from './machine.entity.js';

export interface NewEvent {
  kind: string;
  level?: EventLevel;
  message: string;
  details?: JsonObject;
  /** Who: an operator's name, `muster`, or `machine`. */
  actor: string;
}

export type MachineFields = Partial<Omit<Machine, 'id' | 'state' | 'version' | 'nics'>>;

export interface StateChange {
  /** The states that it is expected in. */
  from: readonly MachineState[];
  to: MachineState;
  /** The version that the caller decided on; without it, the present one. */
  version?: number;
  set?: MachineFields;
  message: string;
  actor: string;
}

/**
 * Every change of a machine goes through here: conditional, and with its event in the same transaction, which is part of
 * the caller's where one is given.
 */
export class MachineChanges {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Moves a machine along the table of transitions. Throws `conflict` where it is in another state, or where someone
   * else changed it meanwhile: of two callers with the same expectation one wins.
   */
  transition(machineId: string, change: StateChange, outer = this.dataSource.manager): Promise<Machine> {
    return outer.transaction((manager) => this.transitionIn(manager, machineId, change));
  }

  async transitionIn(manager: EntityManager, machineId: string, change: StateChange): Promise<Machine> {
    const machine = await this.get(manager, machineId);
    if (!change.from.includes(machine.state) || !mayGo(machine.state, change.to, machine.previousState))
      throw new MusterError('conflict', `cannot go on with ${machine.name}: it is ${machine.state}`, {
        hint: `to become ${change.to} it must be ${change.from.join(' or ')}`,
      });
    const isVisit = change.to === 'rescue' || change.to === 'testing';
    const set: object = {
      failed: false,
      failedReason: null,
      previousState: isVisit ? machine.state : null,
      ...change.set,
      state: change.to,
      version: () => 'version + 1',
    };
    const seen = { id: machineId, state: machine.state, version: change.version ?? machine.version };
    const { affected } = await manager.update(Machine, seen, set);
    if (affected !== 1)
      throw new MusterError('conflict', `cannot change ${machine.name}: someone else changed it meanwhile`, {
        hint: 'look at it again (muster machines show), then decide',
      });
    await this.eventIn(manager, machineId, {
      kind: 'state',
      message: change.message,
      details: { from: machine.state, to: change.to },
      actor: change.actor,
    });
    return this.get(manager, machineId);
  }

  /** Changes fields that are no state. */
  async update(
    machineId: string,
    set: MachineFields,
    event: NewEvent,
    outer = this.dataSource.manager,
  ): Promise<Machine> {
    return outer.transaction(async (manager) => {
      const fields: object = set;
      await manager.update(Machine, { id: machineId }, fields);
      await this.eventIn(manager, machineId, event);
      return this.get(manager, machineId);
    });
  }

  /** Notes, once, that the operation its state names went wrong. */
  async fail(machineId: string, reason: string): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      const { affected } = await manager.update(
        Machine,
        {
          id: machineId,
          state: In([
            'declared',
            'new',
            'commissioning',
            'acquired',
            'deploying',
            'releasing',
            'erasing',
            'rescue',
            'testing',
          ]),
        },
        { failed: true, failedReason: reason },
      );
      if (affected === 1)
        await this.eventIn(manager, machineId, { kind: 'failed', level: 'warning', message: reason, actor: 'muster' });
    });
  }

  event(machineId: string | null, event: NewEvent): Promise<void> {
    return this.eventIn(this.dataSource.manager, machineId, event);
  }

  async eventIn(manager: EntityManager, machineId: string | null, event: NewEvent): Promise<void> {
    const { kind, level = 'info', message, details = {}, actor } = event;
    await manager.insert(MachineEvent, { machineId, kind, level, message, details: details as object, actor });
  }

  private async get(manager: EntityManager, machineId: string): Promise<Machine> {
    const machine = await manager.findOne(Machine, { where: { id: machineId }, relations: { nics: true } });
    if (machine === null) throw new MusterError('not-found', `cannot find machine ${machineId}`);
    return machine;
  }
}
