import type { DataSource, EntityManager, FindOptionsWhere } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { usableMac, usableUuid } from './identity.js';
import type { MachineState } from './lifecycle.js';
import { MachineChanges, type NewEvent } from './machine-changes.js';
import { MachineEvent } from './machine-event.entity.js';
import { MachineNic } from './machine-nic.entity.js';
import { Machine } from './machine.entity.js';

export interface PowerRecord {
  driver: string;
  parameters: Record<string, string>;
  /** Sealed at rest. */
  secrets?: Record<string, string>;
}

export interface Declaration {
  name: string;
  power: PowerRecord;
  /** Where it is known; else the driver is asked, or whoever boots is taken for it. */
  uuid?: string;
  macs?: readonly string[];
  architecture?: string;
  tags?: readonly string[];
  zone?: string;
  pool?: string;
}

export interface MachineFilter {
  state?: MachineState;
  pool?: string;
  zone?: string;
  deploymentId?: string;
}

/** What people say about a machine. */
export interface Description {
  tags?: string[];
  zone?: string;
  pool?: string;
  notes?: string;
  menu?: boolean;
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The inventory. What changes it works in the manager's transaction, where it is given one. */
export class MachinesService {
  readonly changes: MachineChanges;

  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
  ) {
    this.changes = new MachineChanges(dataSource);
  }

  /** Records a machine that was never seen, by its power address alone. */
  async declare(declaration: Declaration, actor: string, outer = this.dataSource.manager): Promise<Machine> {
    if (!NAME.test(declaration.name))
      throw new MusterError('invalid', `cannot name a machine "${declaration.name}"`, {
        hint: 'a name is a host name: lower case letters, digits and dashes, at most 63',
      });
    const macs = (declaration.macs ?? []).map((mac) => macOf(mac));
    const { id } = await this.refusingDuplicates(declaration.name, async () =>
      outer.transaction(async (manager) => {
        const { identifiers } = await manager.insert(Machine, {
          name: declaration.name,
          state: 'declared',
          uuid: usableUuid(declaration.uuid),
          architecture: declaration.architecture ?? null,
          tags: [...(declaration.tags ?? [])],
          zone: declaration.zone ?? 'default',
          pool: declaration.pool ?? 'default',
        });
        const machineId = String(identifiers[0]?.id);
        await manager.update(Machine, { id: machineId }, this.sealed(machineId, declaration.power));
        for (const mac of macs) await manager.insert(MachineNic, { machineId, mac });
        await this.changes.eventIn(manager, machineId, {
          kind: 'declared',
          message: `declared with its ${declaration.power.driver} power address`,
          actor,
        });
        return { id: machineId };
      }),
    );
    return this.get(id, outer);
  }

  async setPower(machineId: string, power: PowerRecord, actor: string, manager?: EntityManager): Promise<void> {
    const message = `power is now by ${power.driver}`;
    await this.changes.update(machineId, this.sealed(machineId, power), { kind: 'power', message, actor }, manager);
  }

  /** The power record with its secrets opened, for the power drivers. */
  async powerTarget(
    machineId: string,
  ): Promise<{ machineId: string; driver: string; parameters: Record<string, string> }> {
    const { id, name, powerDriver, powerParameters, powerSecrets } = await this.get(machineId);
    if (powerDriver === null)
      throw new MusterError('conflict', `cannot switch ${name}: it has no power record`, {
        hint: `muster machines set-power ${name}`,
      });
    const secrets =
      powerSecrets === null ? {} : (JSON.parse(this.secrets.open(powerSecrets, id)) as Record<string, string>);
    return { machineId, driver: powerDriver, parameters: { ...powerParameters, ...secrets } };
  }

  private sealed(id: string, power: PowerRecord) {
    const { driver, parameters, secrets = {} } = power;
    const powerSecrets = Object.keys(secrets).length === 0 ? null : this.secrets.seal(JSON.stringify(secrets), id);
    return { powerDriver: driver, powerParameters: parameters, powerSecrets };
  }

  /** By id or name, with its network cards. */
  async find(idOrName: string, manager = this.dataSource.manager): Promise<Machine | null> {
    const where: FindOptionsWhere<Machine> = ID.test(idOrName) ? { id: idOrName } : { name: idOrName };
    return manager.findOne(Machine, { where, relations: { nics: true } });
  }

  async get(idOrName: string, manager?: EntityManager): Promise<Machine> {
    const machine = await this.find(idOrName, manager);
    if (machine !== null) return machine;
    throw new MusterError('not-found', `cannot find machine ${idOrName}`, { hint: 'muster machines lists them' });
  }

  /** In the order of their names. */
  list(filter: MachineFilter = {}): Promise<Machine[]> {
    const where = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
    return this.dataSource
      .getRepository(Machine)
      .find({ where, relations: { nics: true }, order: { name: 'ASC', nics: { mac: 'ASC' } } });
  }

  /** Oldest first, after the event of this number. */
  async events(machineId: string, after = '0', limit = 500): Promise<MachineEvent[]> {
    return this.dataSource
      .getRepository(MachineEvent)
      .createQueryBuilder('event')
      .where('event.machine_id = :machineId and event.id > :after', { machineId, after })
      .orderBy('event.id')
      .take(limit)
      .getMany();
  }

  /** muster may write to it from now on. */
  async accept(machineId: string, actor: string, manager?: EntityManager): Promise<Machine> {
    const machine = await this.get(machineId, manager);
    if (machine.acceptedAt !== null) return machine;
    const set = { acceptedAt: this.clock.now(), acceptedBy: actor };
    const event = { kind: 'accepted', message: `accepted by ${actor}`, actor };
    return this.changes.update(machine.id, set, event, manager);
  }

  describe(machineId: string, description: Description, actor: string, manager?: EntityManager): Promise<Machine> {
    const event = { kind: 'described', message: `${Object.keys(description).join(', ')} changed`, actor };
    return this.changes.update(machineId, description, event, manager);
  }

  markBroken(machine: Machine, reason: string, actor: string, manager?: EntityManager): Promise<Machine> {
    const from = [
      'new',
      'commissioning',
      'ready',
      'acquired',
      'deploying',
      'deployed',
      'releasing',
      'erasing',
    ] as const;
    const message = `marked broken: ${reason}`;
    const set = { failedReason: reason };
    const change = { from, to: 'broken', version: machine.version, set, message, actor } as const;
    return this.changes.transition(machine.id, change, manager);
  }

  async retire(machine: Machine, actor: string): Promise<Machine> {
    const from = ['declared', 'new', 'ready', 'broken'] as const;
    const set = { claim: null, deploymentId: null, owner: null };
    const change = { from, to: 'retired', version: machine.version, set, message: 'retired', actor } as const;
    return this.changes.transition(machine.id, change);
  }

  /** Forgets a machine that muster does not hold. Its events stay. */
  async remove(machineId: string, actor: string, outer = this.dataSource.manager): Promise<void> {
    const machine = await this.get(machineId, outer);
    if (!['declared', 'new', 'retired'].includes(machine.state))
      throw new MusterError('conflict', `cannot delete ${machine.name}: it is ${machine.state}`, {
        hint: 'release and retire it first',
      });
    await outer.transaction(async (manager) => {
      await manager.delete(Machine, { id: machine.id, version: machine.version });
      const message = `${machine.name} deleted`;
      await this.changes.eventIn(manager, machine.id, { kind: 'deleted', message, actor });
    });
  }

  /** Lets a boot that begins within `seconds` from now be given secrets: muster is about to switch the machine on. */
  async openWindow(machineId: string, seconds: number): Promise<void> {
    const windowUntil = new Date(this.clock.now().getTime() + seconds * 1000);
    await this.dataSource.manager.update(Machine, { id: machineId }, { windowUntil });
  }

  /**
   * Opens the window of a declared machine that has no identity, unless that of another one is open: only one of them may
   * come at a time, so that whoever comes is known to be it. False: not now.
   */
  awaitAlone(machineId: string, seconds: number): Promise<boolean> {
    return this.dataSource.transaction(async (manager) => {
      await manager.query("select pg_advisory_xact_lock(hashtext('await alone'))");
      const now = this.clock.now();
      const rows = await manager.query<unknown[]>(
        `select 1 from machine where id <> $1 and state = 'declared' and uuid is null and window_until > $2
         and not exists (select 1 from machine_nic where machine_id = machine.id)`,
        [machineId, now],
      );
      if (rows.length > 0) return false;
      await manager.update(Machine, { id: machineId }, { windowUntil: new Date(now.getTime() + seconds * 1000) });
      return true;
    });
  }

  async setAddress(machineId: string, address: string): Promise<void> {
    await this.dataSource.manager.update(Machine, { id: machineId }, { address });
  }

  async setUuid(machineId: string, uuid: string): Promise<void> {
    await this.dataSource.manager.update(Machine, { id: machineId }, { uuid });
  }

  /** Notes that the operation its state names went wrong. */
  fail(machineId: string, reason: string): Promise<void> {
    return this.changes.fail(machineId, reason);
  }

  /** It is tried again: what went wrong before no longer stands. */
  async clearFailure(machineId: string): Promise<void> {
    const cleared = { failed: false, failedReason: null };
    await this.dataSource.manager.update(Machine, { id: machineId, failed: true }, cleared);
  }

  event(machineId: string | null, event: NewEvent): Promise<void> {
    return this.changes.event(machineId, event);
  }

  private async refusingDuplicates<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const { constraint } = (error as { driverError?: { constraint?: string } }).driverError ?? {};
      const taken = { machine_name_key: 'name', machine_uuid_key: 'UUID', machine_nic_mac_key: 'MAC' }[
        constraint ?? ''
      ];
      if (taken === undefined) throw error;
      throw new MusterError('conflict', `cannot declare ${name}: another machine has its ${taken}`, { cause: error });
    }
  }
}

function macOf(text: string): string {
  const mac = usableMac(text);
  if (mac === null) throw new MusterError('invalid', `cannot read "${text}" as a MAC address`);
  return mac;
}
