import type { DataSource, EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject, JsonValue } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import { Gathering } from '../platform/database/index.js';
import {
  ACCEPT,
  type Candidate,
  FIND_CANDIDATES,
  LOCK_KEYS,
  type MetMachine,
  READ_MET,
  READ_RULES,
  RECORD_FACTS,
  RECORD_KNOWN,
  RECORD_NEW,
  type Rules,
} from './enlist-statements.js';
import type { MachineFacts } from './facts.js';
import { sameUuid, swapped, usableMac, usableUuid } from './identity.js';
import { MachineChanges } from './machine-changes.js';
import { parseCondition } from './machine-condition.js';
import { type Firmware, Machine } from './machine.entity.js';

/** What a booted agent says its machine is. */
export interface SeenMachine {
  uuid: string | null;
  macs: readonly string[];
  bootMac: string;
  architecture: string;
  firmware: Firmware;
}

/** With an identity that counts, and its MACs in one form. */
type NamedMachine = SeenMachine & { macs: readonly string[] };

/** Knows a machine that boots: by its UUID, else by its MACs, else as the one that muster has just switched on. */
export class EnlistmentService {
  private readonly changes: MachineChanges;
  private readonly rules: Gathering<null, Rules>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {
    this.changes = new MachineChanges(dataSource);
    this.rules = new Gathering(async (askers) => {
      const [rules = { tag: [], accept: [] }] = await READ_RULES.run(dataSource, []);
      return askers.map(() => rules);
    });
  }

  /**
   * The machine that this is, recorded now if it never was. Throws `conflict` for a second machine with a MAC that
   * another one has: that is a question for the operator, not a merge.
   */
  async enlist(manager: EntityManager, seen: SeenMachine): Promise<MetMachine> {
    const uuid = usableUuid(seen.uuid);
    const macs = macsOf(seen);
    // Two boots of one machine at the same instant must not make two records.
    await LOCK_KEYS.run(manager, [[uuid ?? '', ...macs].sort().map((key) => `enlist ${key}`)]);
    const forms = uuid === null ? [] : [uuid, swapped(uuid)];
    const candidates = await FIND_CANDIDATES.run(manager, [forms, macs[0], macs, this.clock.now()]);
    const byUuid = candidates.find((candidate) => candidate.byUuid) ?? null;
    const byBootMac = candidates.find((candidate) => candidate.byBootMac) ?? null;
    if (byBootMac !== null && isAnother(byBootMac, byUuid ?? byBootMac, uuid))
      throw await this.conflict(byBootMac, seen);
    const byMacs = uuid === null ? candidates.find((candidate) => candidate.byMac) : null;
    const known = byUuid ?? byBootMac ?? byMacs ?? awaitedOf(candidates);
    const named = { ...seen, uuid, macs };
    return known === null ? this.recordNew(manager, named) : this.recordKnown(manager, known, named);
  }

  /** What commissioning found. Tags and acceptance by rule follow from it. */
  async storeFacts(machineId: string, facts: MachineFacts): Promise<void> {
    const macs = facts.nics.map((nic) => usableMac(nic.mac)).filter((mac) => mac !== null);
    const details: JsonObject = { cores: facts.cpu.cores, memoryMegabytes: facts.memoryMegabytes };
    const { architecture, firmware } = facts;
    const given = [machineId, facts, this.clock.now(), architecture, firmware.mode, details];
    await this.judge(one(await RECORD_FACTS.run(this.dataSource, [macs, null, ...given]), machineId));
  }

  /** Applies the tag rules, and accepts the machine where an accept rule fits. */
  async applyRules(machineId: string): Promise<void> {
    await this.judge(one(await READ_MET.run(this.dataSource, [machineId]), machineId));
  }

  /** By the rules as they are now, of a machine that was just read (and not in a transaction that still may fail). */
  async judge(machine: MetMachine): Promise<void> {
    const rules = await this.rules.ask(null);
    const view = conditionView(machine);
    const ruleTags = rules.tag.filter((rule) => parseCondition(rule.condition)(view)).map((rule) => rule.tag);
    if (ruleTags.join(' ') !== machine.ruleTags.join(' '))
      await this.dataSource.manager.update(Machine, { id: machine.id }, { ruleTags });
    if (machine.acceptedAt !== null) return;
    const fitting = rules.accept.find((rule) =>
      parseCondition(rule.condition)({ ...view, tags: [...machine.tags, ...ruleTags] }),
    );
    if (fitting !== undefined)
      await ACCEPT.run(this.dataSource, [machine.id, this.clock.now(), `rule ${fitting.name}`]);
  }

  private async recordKnown(manager: EntityManager, known: Candidate, seen: NamedMachine): Promise<MetMachine> {
    const { uuid, macs, bootMac, architecture, firmware } = seen;
    const given = [macs, usableMac(bootMac), known.id, uuid, architecture, firmware];
    const machine = one(await RECORD_KNOWN.run(manager, given), known.id);
    if (known.state !== 'declared') return machine;
    const { state } = await this.changes.transitionIn(manager, known.id, {
      from: ['declared'],
      to: 'new',
      message: `seen for the first time, by ${bootMac}`,
      actor: 'machine',
    });
    return { ...machine, state };
  }

  private async recordNew(manager: EntityManager, seen: NamedMachine): Promise<MetMachine> {
    const { uuid, macs, bootMac, architecture, firmware } = seen;
    const digits = (macs[0] ?? '').replaceAll(':', '');
    const names = [`machine-${digits.slice(6)}`, `machine-${digits}`];
    const given = [macs, usableMac(bootMac), ...names, uuid, architecture, firmware];
    return one(await RECORD_NEW.run(manager, given), names.join(' or '));
  }

  /** Written apart from the transaction that is about to be undone. */
  private async conflict(owner: Candidate, seen: SeenMachine): Promise<MusterError> {
    const message = `another machine (UUID ${seen.uuid ?? 'none'}) came with a MAC of this one: ${seen.bootMac}`;
    await this.changes.event(owner.id, {
      kind: 'mac-conflict',
      level: 'question',
      message,
      details: { mac: seen.bootMac, uuid: seen.uuid },
      actor: 'machine',
    });
    return new MusterError('conflict', `cannot enlist: ${message}`, {
      hint: `if it is ${owner.name} with a new board, set its UUID; else give one of the cards another MAC`,
    });
  }
}

/** What conditions of rules see of a machine. */
function conditionView(machine: MetMachine): Record<string, JsonValue> {
  const { name, architecture, firmware, pool, zone, tags, macs } = machine;
  const facts = machine.facts as unknown as JsonObject | null;
  return { name, architecture, firmware, pool, zone, tags, facts, macs, declared: machine.powerDriver !== null };
}

function macsOf(seen: SeenMachine): string[] {
  const macs = [seen.bootMac, ...seen.macs].map((text) => usableMac(text)).filter((mac) => mac !== null);
  if (macs.length === 0) throw new MusterError('invalid', 'cannot enlist a machine without a MAC address');
  return [...new Set(macs)];
}

/**
 * Where a driver cannot tell the UUID, machines are switched on one at a time: the one declared machine without an
 * identity whose window is open is the one that came.
 */
function awaitedOf(candidates: readonly Candidate[]): Candidate | null {
  const awaited = candidates.filter(({ byUuid, byMac }) => !byUuid && !byMac);
  return awaited.length === 1 ? (awaited[0] ?? null) : null;
}

/** True where the owner of the MAC cannot be the machine that speaks. */
function isAnother(owner: Candidate, known: Candidate, uuid: string | null): boolean {
  if (known.id !== owner.id) return true;
  return uuid !== null && owner.uuid !== null && !sameUuid(owner.uuid, uuid);
}

function one(rows: readonly MetMachine[], which: string): MetMachine {
  const [machine] = rows;
  if (machine === undefined) throw new MusterError('not-found', `cannot find machine ${which}`);
  return machine;
}
