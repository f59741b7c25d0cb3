import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { BootEventRow } from './boot-event.entity.js';
import { BootSession } from './boot-session.entity.js';
import { beginsSession, stageIndex, stallReason, type StageEvent } from './boot-stages.js';
import { swapped } from './identity.js';
import { askAboutTwins } from './twin-questions.js';

const DAY_MS = 24 * 3_600_000;

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

  /**
   * Adds events, oldest first, to the sessions that they belong to. Those without a MAC and a known UUID are dropped.
   * As few queries as for one event, however many: after a power cut a thousand machines speak at once.
   */
  async record(events: readonly SeenEvent[]): Promise<void> {
    if (events.length === 0) return;
    const macs = await this.macsOf(events);
    const placed = events.flatMap((event) => {
      const mac = event.mac ?? macs.get(event.uuid ?? '');
      return mac === undefined ? [] : [{ event, mac }];
    });
    const wanted = [...new Set(placed.map(({ mac }) => mac))];
    const last = await this.lastOf(wanted);
    const machines = await this.machinesOf(placed);
    const sessions = new Set<BootSession>();
    const rows = placed.map(({ event, mac }) => {
      const session = takeIn(last, event, mac);
      session.machineId ??= machines.get(mac) ?? machines.get(event.uuid ?? '') ?? null;
      sessions.add(session);
      const { stage, at, address, message } = event;
      return { sessionId: session.id, at, stage, address, message, details: event.details };
    });
    await this.dataSource.transaction(async (manager) => {
      // A million parameters would be too many for one statement; JSON is one.
      await manager.query(
        `insert into boot_session (id, machine_id, mac, uuid, started_at, last_at, stage)
         select id, "machineId", mac, uuid, "startedAt", "lastAt", stage
         from jsonb_to_recordset($1::jsonb) as r(id uuid, "machineId" uuid, mac text, uuid text,
           "startedAt" timestamptz, "lastAt" timestamptz, stage text)
         on conflict (id) do update set machine_id = excluded.machine_id, uuid = excluded.uuid,
           last_at = excluded.last_at, stage = excluded.stage`,
        [JSON.stringify([...sessions])],
      );
      await manager.query(
        `insert into boot_event (session_id, at, stage, address, message, details)
         select "sessionId", at, stage, address, message, details
         from jsonb_to_recordset($1::jsonb) as r("sessionId" uuid, at timestamptz, stage text, address text,
           message text, details jsonb)`,
        [JSON.stringify(rows)],
      );
      await askAboutTwins(manager, events);
    });
  }

  /** MACs of the machines that told a UUID alone. */
  private async macsOf(events: readonly SeenEvent[]): Promise<Map<string, string>> {
    const uuids = events.flatMap(({ mac, uuid }) => (mac === null && uuid !== null ? [uuid] : []));
    if (uuids.length === 0) return new Map();
    const rows = await this.dataSource.query<{ uuid: string; mac: string }[]>(
      'select distinct on (uuid) uuid, mac from boot_session where uuid = any($1) order by uuid, last_at desc',
      [uuids],
    );
    return new Map(rows.map(({ uuid, mac }) => [uuid, mac]));
  }

  /** The latest session of each MAC. */
  private async lastOf(macs: string[]): Promise<Map<string, BootSession>> {
    const sessions = await this.dataSource
      .getRepository(BootSession)
      .createQueryBuilder('session')
      .distinctOn(['session.mac'])
      .where('session.mac = any(:macs)', { macs })
      .orderBy('session.mac')
      .addOrderBy('session.last_at', 'DESC')
      .getMany();
    return new Map(sessions.map((session) => [session.mac, session]));
  }

  /** Machine ids, by MAC and by UUID as it was told. */
  private async machinesOf(placed: readonly { event: SeenEvent; mac: string }[]): Promise<Map<string, string>> {
    const rows = await this.dataSource.query<{ key: string; id: string }[]>(
      `select mac as key, machine_id as id from machine_nic where mac = any($1)
       union all
       select told as key, machine.id from jsonb_to_recordset($2::jsonb) as r(told text, form text)
         join machine on machine.uuid = r.form`,
      [
        placed.map(({ mac }) => mac),
        JSON.stringify(
          [...new Set(placed.map(({ event }) => event.uuid))]
            .filter((uuid) => uuid !== null)
            .flatMap((told) => [...new Set([told, swapped(told)])].map((form) => ({ told, form }))),
        ),
      ],
    );
    return new Map(rows.map(({ key, id }) => [key, id]));
  }

  /** Boots of machines are kept for a month; those of nobody's MAC, which anyone can make up, for a day. */
  async forgetOld(now: Date): Promise<void> {
    await this.dataSource.query(
      'delete from boot_session where last_at < $1 or (last_at < $2 and machine_id is null)',
      [new Date(now.getTime() - 30 * DAY_MS), new Date(now.getTime() - DAY_MS)],
    );
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

/** The session that an event belongs to, with the event taken in: the latest of its MAC, or one that it begins. */
function takeIn(last: Map<string, BootSession>, event: SeenEvent, mac: string): BootSession {
  const { stage, at, uuid } = event;
  const known = last.get(mac);
  if (known === undefined || beginsSession(known, event)) {
    const begun = { id: randomUUID(), machineId: null, mac, uuid, startedAt: at, lastAt: at, stage };
    last.set(mac, begun);
    return begun;
  }
  if (stageIndex(stage) > stageIndex(known.stage)) known.stage = stage;
  if (at > known.lastAt) known.lastAt = at;
  known.uuid ??= uuid;
  return known;
}
