import { Statement } from '../platform/database/index.js';
import type { AgentOrder } from './agent-order.entity.js';
import type { AgentSession } from './agent-session.entity.js';
import type { MachineState } from './lifecycle.js';

const SESSION_COLUMNS = `id, machine_id as "machineId", token_hash as "tokenHash", purpose, in_window as "inWindow",
  address, agent_version as "agentVersion", started_at as "startedAt", last_seen_at as "lastSeenAt",
  ended_at as "endedAt"`;

/** $1 machine, $2 now, $3 hash of the token, $4 purpose, $5 in the window, $6 address, $7 version of the agent. */
export const BEGIN_SESSION = new Statement<AgentSession>(
  'begin session',
  `with ended as (update agent_session set ended_at = $2 where machine_id = $1 and ended_at is null),
   reached as (update machine set address = $6 where id = $1 and $6::text is not null and address is distinct from $6)
   insert into agent_session
     (machine_id, started_at, last_seen_at, token_hash, purpose, in_window, address, agent_version)
   values ($1, $2, $2, $3, $4, $5, $6, $7) returning ${SESSION_COLUMNS}`,
);

/** $1 hashes of tokens. */
export const FIND_SESSIONS = new Statement<AgentSession>(
  'find sessions',
  `select ${SESSION_COLUMNS} from agent_session where token_hash = any($1::text[])`,
);

/** $1 sessions, $2 now. */
export const TOUCH_SESSIONS = new Statement<never>(
  'touch sessions',
  'update agent_session set last_seen_at = $2 where id = any($1::uuid[])',
);

/** $1 id, $2 machine, $3 key, $4 kind, $5 sealed parameters, $6 time-out. Nothing where the key is there already. */
export const ADD_ORDER = new Statement<never>(
  'add order',
  `insert into agent_order (id, machine_id, key, kind, parameters, timeout_seconds)
   values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
);

/** What an agent that asks for work finds. `state` is null where its machine is gone, `id` where nothing is to do. */
export interface FoundWork {
  askedBy: string;
  state: MachineState | null;
  acceptedAt: Date | null;
  id: string | null;
  kind: AgentOrder['kind'];
  parameters: string;
  timeoutSeconds: number;
  /** Of the order: who had it before. */
  sessionId: string | null;
}

/**
 * $1 sessions, $2 their machines, $3 now, $4 kinds that leave the memory environment. An order to leave that an
 * earlier boot was given has been carried out: this boot is the proof.
 */
export const FIND_WORK = new Statement<FoundWork>(
  'find work',
  `with asking as (select * from unnest($1::uuid[], $2::uuid[]) as asking(session_id, machine_id)),
   settled as (
     update agent_order left_over
     set status = 'succeeded', percent = 100, result = '{"ok": true, "output": {}}', finished_at = $3
     from asking
     where left_over.machine_id = asking.machine_id and left_over.status = 'running'
       and left_over.kind = any($4::text[]) and left_over.session_id <> asking.session_id
     returning left_over.id)
   select asking.session_id as "askedBy", machine.state, machine.accepted_at as "acceptedAt", next.id, next.kind,
     next.parameters, next.timeout_seconds as "timeoutSeconds", next.session_id as "sessionId"
   from asking
     left join machine on machine.id = asking.machine_id
     left join lateral (
       select * from agent_order
       where machine_id = asking.machine_id and status in ('pending', 'running')
         and id not in (select id from settled)
       order by sequence limit 1) next on true`,
);

/** $1 orders, $2 the sessions that take them, $3 now, $4 those of the orders that an earlier boot had begun. */
export const TAKE_ORDERS = new Statement<never>(
  'take orders',
  `with begun_anew as (delete from agent_order_log where order_id = any($4::uuid[]))
   update agent_order set status = 'running', session_id = taking.session_id,
     issued_at = case when agent_order.session_id = taking.session_id then issued_at else $3 end,
     active_at = case when agent_order.session_id = taking.session_id then active_at else $3 end,
     percent = case when agent_order.session_id = taking.session_id then percent else 0 end,
     message = case when agent_order.session_id = taking.session_id then message else '' end
   from unnest($1::uuid[], $2::uuid[]) as taking(order_id, session_id)
   where agent_order.id = taking.order_id and agent_order.status in ('pending', 'running')`,
);

/** $1 orders, each once, $2 their machines, $3 percent, $4 messages, $5 now. Those that are running. */
export const REPORT_PROGRESS = new Statement<{ id: string }>(
  'report progress',
  `update agent_order set percent = said.percent, message = said.message, active_at = $5
   from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[]) as said(id, machine_id, percent, message)
   where agent_order.id = said.id and agent_order.machine_id = said.machine_id and agent_order.status = 'running'
   returning agent_order.id`,
);

/** $1 order, $2 machine, $3 now, $4 offset, $5 content. Nothing where the order is not the machine's. */
export const ADD_LOG = new Statement<{ id: string }>(
  'add order log',
  `with owned as (update agent_order set active_at = $3 where id = $1 and machine_id = $2 returning id),
   kept as (
     insert into agent_order_log (order_id, offset_bytes, content) select id, $4, $5 from owned on conflict do nothing)
   select id from owned`,
);

/** $1 order, $2 status, $3 result, $4 now, $5 whether it is at 100 % now. Once; the order where it was open. */
export const CONCLUDE_ORDER = new Statement<{ id: string }>(
  'conclude order',
  `update agent_order set status = $2, result = $3, finished_at = $4, active_at = $4,
     percent = case when $5::boolean then 100 else percent end
   where id = $1 and status in ('pending', 'running') returning id`,
);
