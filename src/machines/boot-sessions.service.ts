import type { DataSource } from 'typeorm';
import { BootEventRow } from './boot-event.entity.js';
import { BootSession } from './boot-session.entity.js';
import { beginsSession, stageIndex, stallReason, type StageEvent } from './boot-stages.js';
import { swapped } from './identity.js';
import { MachineNic } from './machine-nic.entity.js';
import { Machine } from './machine.entity.js';

/** Something seen of a booting machine; the MAC is known or it is nobody's. */
export interface SeenEvent extends StageEvent {
  mac: string | null;
  uuid: string | null;
  address: string | null;
  details: Record<string, string | number | boolean | null>;
}

/** What was seen of machines on their way up. */
export class BootSessions {
  constructor(private readonly dataSource: DataSource) {}

  /** Adds events, oldest first, to the sessions that they belong to. Those without a MAC and a known UUID are dropped. */
  async record(events: readonly SeenEvent[]): Promise<void> {
    for (const event of events) {
      const mac = event.mac ?? (event.uuid === null ? null : await this.macOf(event.uuid));
      if (mac !== null) await this.recordOne(event, mac);
    }
  }

  private async recordOne(event: SeenEvent, mac: string): Promise<void> {
    const last = await this.lastOf(mac);
    const session = last === null || beginsSession(last, event) ? await this.begin(event, mac) : last;
    const { stage, at, address, message } = event;
    const details = event.details as object;
    await this.dataSource.manager.insert(BootEventRow, { sessionId: session.id, at, stage, address, message, details });
    const furthest = stageIndex(stage) > stageIndex(session.stage) ? stage : session.stage;
    const machineId = session.machineId ?? (await this.machineOf(mac, event.uuid));
    const lastAt = at > session.lastAt ? at : session.lastAt;
    await this.dataSource.manager.update(
      BootSession,
      { id: session.id },
      { lastAt, stage: furthest, machineId, uuid: session.uuid ?? event.uuid },
    );
  }

  private async begin(event: SeenEvent, mac: string): Promise<BootSession> {
    const repository = this.dataSource.getRepository(BootSession);
    const { uuid, at, stage } = event;
    const machineId = await this.machineOf(mac, uuid);
    return repository.save(repository.create({ machineId, mac, uuid, startedAt: at, lastAt: at, stage }));
  }

  private async machineOf(mac: string, uuid: string | null): Promise<string | null> {
    const nic = await this.dataSource.manager.findOneBy(MachineNic, { mac });
    if (nic !== null || uuid === null) return nic?.machineId ?? null;
    const machine = await this.dataSource.manager.findOne(Machine, { where: [{ uuid }, { uuid: swapped(uuid) }] });
    return machine?.id ?? null;
  }

  private async macOf(uuid: string): Promise<string | null> {
    const session = await this.dataSource
      .getRepository(BootSession)
      .findOne({ where: { uuid }, order: { lastAt: 'DESC' } });
    return session?.mac ?? null;
  }

  private lastOf(mac: string): Promise<BootSession | null> {
    return this.dataSource.getRepository(BootSession).findOne({ where: { mac }, order: { lastAt: 'DESC' } });
  }

  /** Newest first. */
  list(machineId: string, limit = 20): Promise<BootSession[]> {
    return this.dataSource
      .getRepository(BootSession)
      .find({ where: { machineId }, order: { startedAt: 'DESC' }, take: limit });
  }

  /** Oldest first, after the event of this number. */
  events(sessionId: string, after = '0', limit = 1000): Promise<BootEventRow[]> {
    return this.dataSource
      .getRepository(BootEventRow)
      .createQueryBuilder('event')
      .where('event.session_id = :sessionId and event.id > :after', { sessionId, after })
      .orderBy('event.id')
      .take(limit)
      .getMany();
  }

  /** What was seen of the machine since then, over all its cards, oldest first. */
  async seenSince(machineId: string, since: Date): Promise<BootEventRow[]> {
    return this.dataSource
      .getRepository(BootEventRow)
      .createQueryBuilder('event')
      .innerJoin('event.session', 'session')
      .where('session.machine_id = :machineId and event.at >= :since', { machineId, since })
      .orderBy('event.id')
      .take(1000)
      .getMany();
  }

  /** Why a boot that began then got no further, for people. */
  async whyStalled(machineId: string, since: Date): Promise<string> {
    return stallReason(await this.seenSince(machineId, since));
  }
}
