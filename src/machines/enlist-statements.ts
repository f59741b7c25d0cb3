import { Statement } from '../platform/database/index.js';
import type { Machine } from './machine.entity.js';

/** What rules, and whoever deals with a machine that just spoke, need to know of it. */
export interface MetMachine extends Pick<
  Machine,
  'id' | 'name' | 'state' | 'uuid' | 'architecture' | 'firmware' | 'pool' | 'zone' | 'tags' | 'ruleTags' | 'facts'
> {
  powerDriver: string | null;
  acceptedAt: Date | null;
  macs: string[];
}

const COLUMNS = `machine.id, machine.name, machine.state, machine.uuid, machine.architecture, machine.firmware,
  machine.pool, machine.zone, machine.tags, machine.rule_tags as "ruleTags", machine.facts,
  machine.power_driver as "powerDriver", machine.accepted_at as "acceptedAt"`;

/**
 * Cards of the machine `met`: $1 the MACs that it showed, $2 the one that it booted from or null. One that is known as
 * another machine's stays there, and someone is asked. `news`: the event of the occasion, in two columns.
 */
const learnCards = (news: { before?: string; after?: string }) => `
  shown as (select distinct unnest($1::text[]) as mac),
  owned as (select nic.mac, nic.machine_id from machine_nic nic join shown using (mac)),
  added as (
    insert into machine_nic (machine_id, mac, boot)
    select met.id, shown.mac, coalesce(shown.mac = $2::text, false) from met, shown
    where shown.mac not in (select mac from owned) returning mac),
  booted as (
    update machine_nic nic set boot = (nic.mac = $2::text) from met
    where nic.machine_id = met.id and nic.boot <> (nic.mac = $2::text)),
  news as (
    ${news.before ?? ''}
    select 2 as place, 'mac-conflict' as kind, 'question' as level,
      'its network card ' || owned.mac || ' is known as another machine''s' as message,
      jsonb_build_object('mac', owned.mac, 'machine', owned.machine_id) as details
    from met join owned on owned.machine_id <> met.id
    ${news.after ?? ''}),
  noted as (
    insert into machine_event (machine_id, kind, level, message, details, actor)
    select met.id, news.kind, news.level, news.message, news.details, 'machine' from met, news order by news.place)
  select met.*, array(
    select mac from machine_nic where machine_id = met.id union select mac from added order by mac) as macs
  from met`;

/** One at a time for each of these keys, until the transaction ends: $1. */
export const LOCK_KEYS = new Statement<never>(
  'lock enlisting',
  'select pg_advisory_xact_lock(hashtext(key)) from unnest($1::text[]) as key',
);

export type Candidate = Pick<Machine, 'id' | 'name' | 'state' | 'uuid'> & {
  byUuid: boolean;
  byBootMac: boolean;
  byMac: boolean;
};

/**
 * Who it could be, the oldest first: $1 forms of its UUID, $2 its boot MAC, $3 all its MACs, $4 now. Who is known by
 * none of these is awaited: declared without an identity, and its window is open.
 */
export const FIND_CANDIDATES = new Statement<Candidate>(
  'find who enlists',
  `select id, name, state, uuid, coalesce(uuid = any($1::text[]), false) as "byUuid",
     exists (select 1 from machine_nic nic where nic.machine_id = machine.id and nic.mac = $2) as "byBootMac",
     exists (select 1 from machine_nic nic where nic.machine_id = machine.id and nic.mac = any($3::text[])) as "byMac"
   from machine
   where id in (
     select id from machine where uuid = any($1::text[])
     union all
     select machine_id from machine_nic where mac = any($3::text[])
     union all
     select id from machine where state = 'declared' and uuid is null and window_until > $4
       and not exists (select 1 from machine_nic nic where nic.machine_id = machine.id))
   order by created_at`,
);

/** $3 id, $4 UUID, $5 architecture, $6 firmware. */
export const RECORD_KNOWN = new Statement<MetMachine>(
  'record known machine',
  `with met as (
     update machine set uuid = coalesce(uuid, $4), architecture = $5, firmware = $6 where id = $3 returning ${COLUMNS}),
   ${learnCards({})}`,
);

/** $3 its name, $4 the name where that is taken, $5 UUID, $6 architecture, $7 firmware. */
export const RECORD_NEW = new Statement<MetMachine>(
  'record new machine',
  `with met as (
     insert into machine (name, state, uuid, architecture, firmware)
     select case when exists (select 1 from machine where name = $3) then $4 else $3 end, 'new', $5, $6, $7
     returning ${COLUMNS}),
   ${learnCards({
     before: `select 1 as place, 'enlisted' as kind, 'info' as level, 'enlisted as ' || met.name as message,
       '{}'::jsonb as details from met union all`,
   })}`,
);

/** $3 id, $4 facts, $5 now, $6 architecture, $7 firmware, $8 details of the event. */
export const RECORD_FACTS = new Statement<MetMachine>(
  'record facts',
  `with met as (
     update machine set facts = $4, facts_at = $5, architecture = $6, firmware = $7 where id = $3 returning ${COLUMNS}),
   ${learnCards({ after: `union all select 3, 'facts', 'info', 'facts taken', $8::jsonb` })}`,
);

/** $1 id. */
export const READ_MET = new Statement<MetMachine>(
  'read met machine',
  `select ${COLUMNS}, array(select mac from machine_nic where machine_id = machine.id order by mac) as macs
   from machine where id = $1`,
);

/** $1 id, $2 now, $3 by whom. Once: who was accepted meanwhile stays so. */
export const ACCEPT = new Statement<never>(
  'accept by rule',
  `with accepted as (
     update machine set accepted_at = $2, accepted_by = $3 where id = $1 and accepted_at is null returning id)
   insert into machine_event (machine_id, kind, message, actor)
   select id, 'accepted', 'accepted by ' || $3::text, 'muster' from accepted`,
);

export interface Rules {
  /** By tag. */
  tag: { tag: string; condition: string }[];
  /** By name. */
  accept: { name: string; condition: string }[];
}

export const READ_RULES = new Statement<Rules>(
  'read rules',
  `select
     coalesce((select jsonb_agg(jsonb_build_object('tag', tag, 'condition', condition) order by tag)
       from tag_rule), '[]') as tag,
     coalesce((select jsonb_agg(jsonb_build_object('name', name, 'condition', condition) order by name)
       from accept_rule), '[]') as accept`,
);
