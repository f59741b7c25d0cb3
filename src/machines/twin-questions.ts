import type { EntityManager } from 'typeorm';
import { swapped, usableMac, usableUuid } from './identity.js';

interface Shown {
  at: Date;
  mac: string | null;
  uuid: string | null;
}

/**
 * Asks someone to look where a client came with one machine's MAC and another UUID: it is given nothing to boot, so no
 * agent will ever tell. Once a day for a card, since anyone on the network can make up UUIDs.
 */
export async function askAboutTwins(manager: EntityManager, events: readonly Shown[]): Promise<void> {
  const told = new Map(
    events.flatMap(({ mac, uuid, at }) => {
      const usable = { mac: usableMac(mac ?? ''), uuid: usableUuid(uuid) };
      if (usable.mac === null || usable.uuid === null) return [];
      return [[usable.mac, { mac: usable.mac, uuid: usable.uuid, swapped: swapped(usable.uuid), at }] as const];
    }),
  );
  if (told.size === 0) return;
  await manager.query(
    `insert into machine_event (machine_id, at, kind, level, message, details, actor)
     select machine.id, told.at, 'mac-conflict', 'question',
       'another machine (UUID ' || told.uuid || ') came with a MAC of this one: ' || told.mac,
       jsonb_build_object('mac', told.mac, 'uuid', told.uuid), 'machine'
     from jsonb_to_recordset($1::jsonb) as told(mac text, uuid text, swapped text, at timestamptz)
       join machine_nic nic on nic.mac = told.mac
       join machine on machine.id = nic.machine_id
     where machine.uuid is not null and machine.uuid not in (told.uuid, told.swapped)
       and not exists (
         select 1 from machine_event event
         where event.machine_id = machine.id and event.kind = 'mac-conflict'
           and event.details->>'mac' = told.mac and event.at > told.at - interval '1 day')`,
    [JSON.stringify([...told.values()])],
  );
}
