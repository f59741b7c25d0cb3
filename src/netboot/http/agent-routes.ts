import { z } from 'zod';
import { MusterError } from '../../error.js';
import {
  type AgentOrders,
  type AgentSession,
  type AgentsService,
  orderResult,
  sessionReply,
  sessionRequest,
  usableMac,
  usableUuid,
  withBootUrl,
} from '../../machines/index.js';
import type { Clock } from '../../platform/clock.js';
import type { BootObserver } from '../boot-client.js';
import { bootUrl } from '../boot-file.js';
import { readBody, type Exchange, type Route, sendJson, sendNothing } from './exchange.js';
import type { OrderWaiter } from './order-waiter.js';
import { Turnstile } from './turnstile.js';

export interface AgentParts {
  agents: AgentsService;
  orders: AgentOrders;
  waiter: OrderWaiter;
  observer: BootObserver;
  clock: Clock;
  httpPort: number;
}

const ID = '(?<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const WAIT_SECONDS = 25;
/** Between two looks of a waiting agent, should an announcement be missed. */
const LOOK_MS = 5000;
const MOST_BYTES = { session: 64 * 1024, progress: 16 * 1024, log: 256 * 1024, result: 4 * 1024 * 1024 };

/**
 * Each session that is being opened holds one of the 20 connections to Postgres; the rest is for agents that are further
 * on. The agent gives a call up after 30 s: who waits longer than this would spend his nonce on an answer that he
 * does not hear.
 */
const OPENINGS = { atOnce: 12, inLine: 500, waitMs: 15_000 };

const progressBody = z.object({ percent: z.number().min(0).max(100), message: z.string().max(500).default('') });

/** What the agent in the memory environment says and asks, over HTTPS. Every call may be repeated. */
export function agentRoutes(parts: AgentParts): Route[] {
  const openings = new Turnstile(OPENINGS);
  const withSession =
    (run: (exchange: Exchange, session: AgentSession) => Promise<void>) => async (exchange: Exchange) => {
      const session = await authenticate(parts, exchange);
      if (session.endedAt !== null) {
        sendNothing(exchange, 410);
        return;
      }
      await parts.agents.touch(session);
      await run(exchange, session);
    };
  const order = (name: string) => new RegExp(`^/agent/v1/orders/${ID}/${name}$`);
  return [
    { methods: ['POST'], pattern: /^\/agent\/v1\/session$/, run: (exchange) => openSession(parts, openings, exchange) },
    {
      methods: ['GET'],
      pattern: /^\/agent\/v1\/order$/,
      run: withSession((exchange, session) => nextOrder(parts, exchange, session)),
    },
    {
      methods: ['POST'],
      pattern: order('progress'),
      run: withSession(async (exchange, session) => {
        const { percent, message } = await jsonBody(exchange, progressBody, MOST_BYTES.progress);
        await parts.orders.progress(exchange.path.id ?? '', session, Math.round(percent), message);
        sendNothing(exchange, 204);
      }),
    },
    {
      methods: ['POST'],
      pattern: order('log'),
      run: withSession(async (exchange, session) => {
        const offset = Number(exchange.query.get('offset') ?? 'NaN');
        if (!Number.isSafeInteger(offset) || offset < 0 || offset > 2 ** 31 - 1)
          throw new MusterError('invalid', 'cannot place a piece of the log: offset is a number of bytes');
        const body = await readBody(exchange.request, MOST_BYTES.log);
        await parts.orders.appendLog(exchange.path.id ?? '', session, offset, body.toString('utf8'));
        sendNothing(exchange, 204);
      }),
    },
    {
      methods: ['POST'],
      pattern: order('result'),
      run: withSession(async (exchange, session) => {
        const result = await jsonBody(exchange, orderResult, MOST_BYTES.result);
        await parts.agents.result(exchange.path.id ?? '', session, result);
        sendNothing(exchange, 204);
      }),
    },
  ];
}

async function openSession(parts: AgentParts, openings: Turnstile, exchange: Exchange): Promise<void> {
  const request = await jsonBody(exchange, sessionRequest, MOST_BYTES.session);
  const { token, machine, session } = await openings.pass(
    () => parts.agents.open(request, exchange.client),
    () => exchange.response.destroyed,
  );
  const reply: z.infer<typeof sessionReply> = {
    token,
    machine: { id: machine.id, name: machine.name },
    waitSeconds: WAIT_SECONDS,
  };
  sendJson(exchange, 200, reply);
  parts.observer.seen({
    at: parts.clock.now(),
    mac: usableMac(request.bootMac),
    uuid: usableUuid(request.uuid),
    address: exchange.client,
    stage: 'agent',
    message: `agent ${request.agentVersion} of ${machine.name} is here (${session.purpose})`,
    details: { purpose: session.purpose },
  });
}

async function nextOrder(parts: AgentParts, exchange: Exchange, session: AgentSession): Promise<void> {
  const asked = Number(exchange.query.get('wait') ?? '0');
  const seconds = Number.isFinite(asked) ? Math.min(Math.max(asked, 0), WAIT_SECONDS) : 0;
  const deadline = parts.clock.now().getTime() + seconds * 1000;
  const gone = new AbortController();
  exchange.response.once('close', () => gone.abort());
  let current: AgentSession | null = session;
  for (;;) {
    const next = current === null ? { kind: 'over' as const } : await parts.agents.next(current);
    if (gone.signal.aborted) return;
    if (next.kind === 'order') {
      const parameters = withBootUrl(next.order.parameters, bootUrl(exchange.server, parts.httpPort));
      sendJson(exchange, 200, { ...next.order, parameters });
      return;
    }
    if (next.kind === 'over') {
      sendNothing(exchange, 410);
      return;
    }
    const left = deadline - parts.clock.now().getTime();
    if (left <= 0 || parts.waiter.isClosed) {
      sendNothing(exchange, 204);
      return;
    }
    await parts.waiter.wait(session.machineId, Math.min(left, LOOK_MS), gone.signal);
    // It may have ended meanwhile: the machine booted again, or muster gave it up.
    current = await parts.agents.findByToken(tokenOf(exchange));
  }
}

async function authenticate(parts: AgentParts, exchange: Exchange): Promise<AgentSession> {
  const session = await parts.agents.findByToken(tokenOf(exchange));
  if (session === null) throw new MusterError('unauthenticated', 'cannot know this agent: its token is unknown');
  return session;
}

function tokenOf(exchange: Exchange): string {
  const match = /^Bearer ([A-Za-z0-9_-]{43})$/.exec(exchange.request.headers.authorization ?? '');
  if (match?.[1] === undefined) throw new MusterError('unauthenticated', 'cannot know this agent: it shows no token');
  return match[1];
}

async function jsonBody<Schema extends z.ZodType>(
  exchange: Exchange,
  schema: Schema,
  mostBytes: number,
): Promise<z.infer<Schema>> {
  const body = await readBody(exchange.request, mostBytes);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'), (_key, item: unknown) =>
      typeof item === 'string' ? storable(item) : item,
    );
  } catch (error) {
    throw new MusterError('invalid', 'cannot read the body: it is not JSON', { cause: error });
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new MusterError('invalid', `cannot read the body: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Firmware tells what it likes of itself; what Postgres cannot store must not keep the rest from being stored. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').replace(/\p{Surrogate}/gu, '\uFFFD');
}
