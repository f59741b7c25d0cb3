import type { DataSource, EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject, JsonValue } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import type { MachineFacts } from './facts.js';
import { sameUuid, swapped, usableMac, usableUuid } from './identity.js';
import { MachineChanges } from './machine-changes.js';
import { parseCondition } from './machine-condition.js';
import { MachineNic } from './machine-nic.entity.js';
import { AcceptRule, TagRule } from './machine-rule.entity.js';
import { type Firmware, Machine } from './machine.entity.js';

/** What a booted agent says its machine is. */
export interface SeenMachine {
  uuid: string | null;
  macs: readonly string[];
  bootMac: string;
  architecture: string;
  firmware: Firmware;
}

/** Knows a machine that boots: by its UUID, else by its MACs, else as the one that muster has just switched on. */
export class EnlistmentService {
  private readonly changes: MachineChanges;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {
    this.changes = new MachineChanges(dataSource);
  }

  /**
   * The machine that this is, recorded now if it never was. Throws `conflict` for a second machine with a MAC that
   * another one has: that is a question for the operator, not a merge.
   */
  async enlist(manager: EntityManager, seen: SeenMachine): Promise<Machine> {
    const uuid = usableUuid(seen.uuid);
    const macs = macsOf(seen);
    // Two boots of one machine at the same instant must not make two records.
    await manager.query('select pg_advisory_xact_lock(hashtext(key)) from unnest($1::text[]) as key', [
      [uuid ?? '', ...macs].sort().map((key) => `enlist ${key}`),
    ]);
    const byUuid = uuid === null ? null : await findByUuid(manager, uuid);
    const byBootMac = await findByMacs(manager, macs.slice(0, 1));
    if (byBootMac !== null && isAnother(byBootMac, byUuid ?? byBootMac, uuid))
      throw await this.conflict(byBootMac, seen);
    const known = byUuid ?? byBootMac ?? (uuid === null ? await findByMacs(manager, macs) : null);
    const machine = known ?? (await this.findAwaited(manager)) ?? (await this.create(manager, macs));
    return this.recordSeen(manager, machine, { ...seen, uuid, macs });
  }

  /** What commissioning found. Tags and acceptance by rule follow from it. */
  async storeFacts(machineId: string, facts: MachineFacts): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.update(
        Machine,
        { id: machineId },
        {
          facts: facts,
          factsAt: this.clock.now(),
          architecture: facts.architecture,
          firmware: facts.firmware.mode,
        },
      );
      const machine = await getWithNics(manager, machineId);
      await this.learnNics(
        manager,
        machine,
        facts.nics.map((nic) => nic.mac),
        null,
      );
      const details: JsonObject = { cores: facts.cpu.cores, memoryMegabytes: facts.memoryMegabytes };
      await this.changes.eventIn(manager, machineId, {
        kind: 'facts',
        message: 'facts taken',
        details,
        actor: 'machine',
      });
    });
    await this.applyRules(machineId);
  }

  /** Applies the tag rules, and accepts the machine where an accept rule fits. */
  async applyRules(machineId: string): Promise<void> {
    const machine = await getWithNics(this.dataSource.manager, machineId);
    const view = conditionView(machine);
    const tagRules = await this.dataSource.manager.find(TagRule, { order: { tag: 'ASC' } });
    const ruleTags = tagRules.filter((rule) => parseCondition(rule.condition)(view)).map((rule) => rule.tag);
    if (ruleTags.join(' ') !== machine.ruleTags.join(' '))
      await this.dataSource.manager.update(Machine, { id: machineId }, { ruleTags });
    if (machine.acceptedAt !== null) return;
    const acceptRules = await this.dataSource.manager.find(AcceptRule, { order: { name: 'ASC' } });
    const fitting = acceptRules.find((rule) =>
      parseCondition(rule.condition)({ ...view, tags: [...machine.tags, ...ruleTags] }),
    );
    if (fitting === undefined) return;
    const acceptedBy = `rule ${fitting.name}`;
    const set = { acceptedAt: this.clock.now(), acceptedBy };
    await this.changes.update(machineId, set, {
      kind: 'accepted',
      message: `accepted by ${acceptedBy}`,
      actor: 'muster',
    });
  }

  private async recordSeen(
    manager: EntityManager,
    machine: Machine,
    seen: SeenMachine & { macs: string[] },
  ): Promise<Machine> {
    const { architecture, firmware } = seen;
    const set = { uuid: machine.uuid ?? seen.uuid, architecture, firmware };
    await manager.update(Machine, { id: machine.id }, set);
    await this.learnNics(manager, machine, seen.macs, usableMac(seen.bootMac));
    if (machine.state === 'declared')
      await this.changes.transitionIn(manager, machine.id, {
        from: ['declared'],
        to: 'new',
        message: `seen for the first time, by ${seen.bootMac}`,
        actor: 'machine',
      });
    return getWithNics(manager, machine.id);
  }

  private async learnNics(manager: EntityManager, machine: Machine, macs: readonly string[], boot: string | null) {
    for (const mac of macs.map((text) => usableMac(text)).filter((mac) => mac !== null)) {
      const owner = await manager.findOneBy(MachineNic, { mac });
      if (owner === null) await manager.insert(MachineNic, { machineId: machine.id, mac });
      else if (owner.machineId !== machine.id)
        await this.changes.eventIn(manager, machine.id, {
          kind: 'mac-conflict',
          level: 'question',
          message: `its network card ${mac} is known as another machine's`,
          details: { mac, machine: owner.machineId },
          actor: 'machine',
        });
    }
    if (boot === null) return;
    await manager.query('update machine_nic set boot = (mac = $2) where machine_id = $1 and boot <> (mac = $2)', [
      machine.id,
      boot,
    ]);
  }

  /**
   * Where a driver cannot tell the UUID, machines are switched on one at a time: the one declared machine without an
   * identity whose window is open is the one that came.
   */
  private async findAwaited(manager: EntityManager): Promise<Machine | null> {
    const awaited = await manager
      .createQueryBuilder(Machine, 'machine')
      .where("machine.state = 'declared' and machine.uuid is null and machine.window_until > :now", {
        now: this.clock.now(),
      })
      .andWhere('not exists (select 1 from machine_nic nic where nic.machine_id = machine.id)')
      .getMany();
    return awaited.length === 1 ? (awaited[0] ?? null) : null;
  }

  private async create(manager: EntityManager, macs: readonly string[]): Promise<Machine> {
    const digits = (macs[0] ?? '').replaceAll(':', '');
    const taken = await manager.existsBy(Machine, { name: `machine-${digits.slice(6)}` });
    const name = `machine-${taken ? digits : digits.slice(6)}`;
    const { identifiers } = await manager.insert(Machine, { name, state: 'new' });
    const id = String(identifiers[0]?.id);
    await this.changes.eventIn(manager, id, { kind: 'enlisted', message: `enlisted as ${name}`, actor: 'machine' });
    return getWithNics(manager, id);
  }

  /** Written apart from the transaction that is about to be undone. */
  private async conflict(owner: Machine, seen: SeenMachine): Promise<MusterError> {
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
export function conditionView(machine: Machine): Record<string, JsonValue> {
  const { name, architecture, firmware, pool, zone, tags } = machine;
  const facts = machine.facts as unknown as JsonObject | null;
  const macs = machine.nics.map((nic) => nic.mac);
  return { name, architecture, firmware, pool, zone, tags, facts, macs, declared: machine.powerDriver !== null };
}

function macsOf(seen: SeenMachine): string[] {
  const macs = [seen.bootMac, ...seen.macs].map((text) => usableMac(text)).filter((mac) => mac !== null);
  if (macs.length === 0) throw new MusterError('invalid', 'cannot enlist a machine without a MAC address');
  return [...new Set(macs)];
}

async function findByUuid(manager: EntityManager, uuid: string): Promise<Machine | null> {
  return manager
    .createQueryBuilder(Machine, 'machine')
    .where('machine.uuid in (:...uuids)', { uuids: [uuid, swapped(uuid)] })
    .orderBy('machine.created_at')
    .getOne();
}

async function findByMacs(manager: EntityManager, macs: readonly string[]): Promise<Machine | null> {
  return manager
    .createQueryBuilder(Machine, 'machine')
    .innerJoin('machine.nics', 'nic')
    .where('nic.mac in (:...macs)', { macs })
    .orderBy('machine.created_at')
    .getOne();
}

/** True where the owner of the MAC cannot be the machine that speaks. */
function isAnother(owner: Machine, known: Machine, uuid: string | null): boolean {
  if (known.id !== owner.id) return true;
  return uuid !== null && owner.uuid !== null && !sameUuid(owner.uuid, uuid);
}

async function getWithNics(manager: EntityManager, id: string): Promise<Machine> {
  return manager.findOneOrFail(Machine, { where: { id }, relations: { nics: true } });
}
