import { randomUUID } from 'node:crypto';
import { type DataSource, In } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { AgentOrderLog } from './agent-order-log.entity.js';
import { AgentOrder } from './agent-order.entity.js';
import { type OrderKind, type OrderParameters, orderParameters, type OrderResult } from './agent-orders.js';
import type { AgentSession } from './agent-session.entity.js';

export interface OrderRequest<Kind extends OrderKind> {
  machineId: string;
  /** Who wants it: asked again with the same key, the same order is meant. */
  key: string;
  kind: Kind;
  parameters: OrderParameters<Kind>;
  timeoutSeconds: number;
}

/** As the agent gets it. */
export interface IssuedOrder {
  id: string;
  kind: OrderKind;
  parameters: JsonObject;
  timeoutSeconds: number;
}

const OPEN = ['pending', 'running'] as const;
/** They carry user-data and keys, so they go to a boot that muster itself began. */
const SECRET_KINDS: readonly OrderKind[] = ['install', 'boot-ram', 'rescue'];
/** They write to disks, so the machine must be accepted. */
const WRITING_KINDS: readonly OrderKind[] = ['install', 'erase'];
/** The agent that took one of these does not come back to say so: that it booted again is its answer. */
export const LEAVING_KINDS: readonly OrderKind[] = ['reboot', 'power-off', 'boot-ram'];
const LONGEST_LOG_BYTES = 8 * 1024 * 1024;

/** What agents are told to do: one at a time per machine, in the order in which it was asked for. */
export class AgentOrders {
  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
  ) {}

  /** Stores the order once per key; the order as it stands now is returned either way. */
  async enqueue<Kind extends OrderKind>(request: OrderRequest<Kind>): Promise<AgentOrder> {
    const id = randomUUID();
    const parameters = this.secrets.seal(JSON.stringify(orderParameters[request.kind].parse(request.parameters)), id);
    const { machineId, key, kind, timeoutSeconds } = request;
    await this.dataSource
      .createQueryBuilder()
      .insert()
      .into(AgentOrder)
      .values({ id, machineId, key, kind, parameters, timeoutSeconds })
      .orIgnore()
      .execute();
    return this.dataSource.getRepository(AgentOrder).findOneByOrFail({ key });
  }

  find(key: string): Promise<AgentOrder | null> {
    return this.dataSource.getRepository(AgentOrder).findOneBy({ key });
  }

  /** Newest first. */
  list(machineId: string, limit = 50): Promise<AgentOrder[]> {
    return this.dataSource
      .getRepository(AgentOrder)
      .find({ where: { machineId }, order: { sequence: 'DESC' }, take: limit });
  }

  /**
   * The order that this session is to carry out now: the one it has already, or the next. An order that an earlier
   * boot left unfinished is given again, whole.
   */
  async nextFor(session: AgentSession, isAccepted: boolean): Promise<IssuedOrder | null> {
    await this.settleLeft(session);
    const order = await this.dataSource
      .getRepository(AgentOrder)
      .findOne({ where: { machineId: session.machineId, status: In(OPEN) }, order: { sequence: 'ASC' } });
    if (order === null) return null;
    const refusal = refusalOf(order, session, isAccepted);
    if (refusal !== null) {
      await this.conclude(order.id, { ok: false, error: refusal, failure: 'permanent' });
      return null;
    }
    const now = this.clock.now();
    const again = order.sessionId === session.id ? {} : { issuedAt: now, activeAt: now, percent: 0, message: '' };
    await this.dataSource.manager.update(
      AgentOrder,
      { id: order.id, status: In(OPEN) },
      { status: 'running', sessionId: session.id, ...again },
    );
    if (order.sessionId !== null && order.sessionId !== session.id)
      await this.dataSource.manager.delete(AgentOrderLog, { orderId: order.id });
    const { id, kind, timeoutSeconds } = order;
    return { id, kind, timeoutSeconds, parameters: JSON.parse(this.secrets.open(order.parameters, id)) as JsonObject };
  }

  /** A reboot that an earlier boot was told of has happened: this boot is the proof. */
  private async settleLeft(session: AgentSession): Promise<void> {
    const result = { ok: true, output: {} } as const;
    await this.dataSource
      .createQueryBuilder()
      .update(AgentOrder)
      .set({ status: 'succeeded', percent: 100, result: result, finishedAt: this.clock.now() })
      .where({ machineId: session.machineId, status: 'running', kind: In(LEAVING_KINDS) })
      .andWhere('session_id <> :session', { session: session.id })
      .execute();
  }

  async progress(orderId: string, session: AgentSession, percent: number, message: string): Promise<void> {
    const { affected } = await this.dataSource.manager.update(
      AgentOrder,
      { id: orderId, machineId: session.machineId, status: 'running' },
      { percent, message, activeAt: this.clock.now() },
    );
    if (affected !== 1) await this.ownedBy(orderId, session);
  }

  /** Stores a piece of the log at its place; a piece that is there already is left as it is. */
  async appendLog(orderId: string, session: AgentSession, offsetBytes: number, content: string): Promise<void> {
    await this.ownedBy(orderId, session);
    if (offsetBytes + content.length > LONGEST_LOG_BYTES) return;
    await this.dataSource
      .createQueryBuilder()
      .insert()
      .into(AgentOrderLog)
      // Postgres knows no NUL in text.
      .values({ orderId, offsetBytes, content: content.replaceAll('\0', '\uFFFD') })
      .orIgnore()
      .execute();
    await this.dataSource.manager.update(AgentOrder, { id: orderId }, { activeAt: this.clock.now() });
  }

  /** The log's pieces from this offset on, in order. */
  logAfter(orderId: string, offsetBytes: number): Promise<AgentOrderLog[]> {
    return this.dataSource
      .getRepository(AgentOrderLog)
      .createQueryBuilder('piece')
      .where('piece.order_id = :orderId and piece.offset_bytes >= :offsetBytes', { orderId, offsetBytes })
      .orderBy('piece.offset_bytes')
      .take(200)
      .getMany();
  }

  /** Stores the result, once: a second one of the same order changes nothing. True for the first. */
  async finish(orderId: string, session: AgentSession, result: OrderResult): Promise<boolean> {
    await this.ownedBy(orderId, session);
    return this.conclude(orderId, result);
  }

  /** Takes an order back. One that the agent has begun is only marked: its result will not count. */
  async cancel(key: string): Promise<void> {
    const finishedAt = this.clock.now();
    await this.dataSource.manager.update(AgentOrder, { key, status: In(OPEN) }, { status: 'cancelled', finishedAt });
  }

  /** Takes back whatever the machine was to do: its next boot begins with nothing. */
  async cancelAll(machineId: string): Promise<void> {
    const finishedAt = this.clock.now();
    await this.dataSource.manager.update(
      AgentOrder,
      { machineId, status: In(OPEN) },
      { status: 'cancelled', finishedAt },
    );
  }

  async getOwned(orderId: string, session: AgentSession): Promise<AgentOrder> {
    return this.ownedBy(orderId, session);
  }

  private async conclude(orderId: string, result: OrderResult): Promise<boolean> {
    const stored: object = result;
    const status = result.ok ? 'succeeded' : 'failed';
    const now = this.clock.now();
    const { affected } = await this.dataSource.manager.update(
      AgentOrder,
      { id: orderId, status: In(OPEN) },
      { status, result: stored, finishedAt: now, activeAt: now, ...(result.ok ? { percent: 100 } : {}) },
    );
    return affected === 1;
  }

  /** An agent may speak of its own machine's orders alone. */
  private async ownedBy(orderId: string, session: AgentSession): Promise<AgentOrder> {
    const order = await this.dataSource
      .getRepository(AgentOrder)
      .findOneBy({ id: orderId, machineId: session.machineId });
    if (order === null) throw new MusterError('not-found', `cannot find order ${orderId}`);
    return order;
  }
}

function refusalOf(order: AgentOrder, session: AgentSession, isAccepted: boolean): string | null {
  if (WRITING_KINDS.includes(order.kind) && !isAccepted)
    return 'the machine is not accepted: nothing may be written to it';
  if (!SECRET_KINDS.includes(order.kind)) return null;
  if (session.purpose === 'enlist') return 'an enlisting machine is given no secrets';
  return session.inWindow ? null : 'muster did not switch the machine on for this boot: it is given no secrets';
}
