import { randomUUID } from 'node:crypto';
import { type DataSource, type EntityManager, In } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject } from '../plan/index.js';
import type { Clock } from '../platform/clock.js';
import { Gathering } from '../platform/database/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { AgentOrderLog } from './agent-order-log.entity.js';
import { AgentOrder } from './agent-order.entity.js';
import { type OrderKind, type OrderParameters, orderParameters, type OrderResult } from './agent-orders.js';
import type { AgentSession } from './agent-session.entity.js';
import {
  ADD_LOG,
  ADD_ORDER,
  CONCLUDE_ORDER,
  FIND_WORK,
  type FoundWork,
  REPORT_PROGRESS,
  TAKE_ORDERS,
} from './agent-statements.js';
import type { MachineState } from './lifecycle.js';

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

/** What an agent that asks finds: the state of its machine (null: gone), and what it is to do. */
export interface Work {
  machine: { state: MachineState; acceptedAt: Date | null } | null;
  order: IssuedOrder | null;
}

interface Taking {
  orderId: string;
  sessionId: string;
  /** An earlier boot had begun it. */
  isLeftOver: boolean;
}

interface Progress {
  orderId: string;
  machineId: string;
  percent: number;
  message: string;
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
  private readonly searches: Gathering<AgentSession, FoundWork | undefined>;
  private readonly takings: Gathering<Taking, null>;
  private readonly reports: Gathering<Progress, boolean>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
  ) {
    this.searches = new Gathering((sessions) => this.findWork(sessions));
    this.takings = new Gathering((takings) => this.takeAll(takings));
    this.reports = new Gathering((reports) => this.reportAll(reports));
  }

  /** Stores the order once per key; the order as it stands now is returned either way. */
  async enqueue<Kind extends OrderKind>(request: OrderRequest<Kind>): Promise<AgentOrder> {
    await this.enqueueIn(this.dataSource, request);
    return this.dataSource.getRepository(AgentOrder).findOneByOrFail({ key: request.key });
  }

  /** The same, as a part of the manager's transaction. */
  async enqueueIn<Kind extends OrderKind>(
    manager: DataSource | EntityManager,
    request: OrderRequest<Kind>,
  ): Promise<void> {
    const id = randomUUID();
    const parameters = this.secrets.seal(JSON.stringify(orderParameters[request.kind].parse(request.parameters)), id);
    const { machineId, key, kind, timeoutSeconds } = request;
    await ADD_ORDER.run(manager, [id, machineId, key, kind, parameters, timeoutSeconds]);
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
   * What this session is to carry out now: the order that it has already, or the next. An order that an earlier boot
   * left unfinished is given again, whole.
   */
  async workFor(session: AgentSession): Promise<Work> {
    const found = await this.searches.ask(session);
    if (found?.state == null) return { machine: null, order: null };
    const { id, kind, timeoutSeconds, state, acceptedAt } = found;
    const machine = { state, acceptedAt };
    if (id === null) return { machine, order: null };
    const refusal = refusalOf(kind, session, acceptedAt !== null);
    if (refusal !== null) {
      await this.conclude(id, { ok: false, error: refusal, failure: 'permanent' });
      return { machine, order: null };
    }
    const isLeftOver = found.sessionId !== null && found.sessionId !== session.id;
    await this.takings.ask({ orderId: id, sessionId: session.id, isLeftOver });
    const parameters = JSON.parse(this.secrets.open(found.parameters, id)) as JsonObject;
    return { machine, order: { id, kind, timeoutSeconds, parameters } };
  }

  private async findWork(sessions: readonly AgentSession[]): Promise<(FoundWork | undefined)[]> {
    const [ids, machineIds] = [sessions.map(({ id }) => id), sessions.map(({ machineId }) => machineId)];
    const rows = await FIND_WORK.run(this.dataSource, [ids, machineIds, this.clock.now(), LEAVING_KINDS]);
    const found = new Map(rows.map((row) => [row.askedBy, row]));
    return sessions.map(({ id }) => found.get(id));
  }

  private async takeAll(takings: readonly Taking[]): Promise<null[]> {
    const leftOver = takings.filter(({ isLeftOver }) => isLeftOver).map(({ orderId }) => orderId);
    const [orderIds, sessionIds] = [takings.map(({ orderId }) => orderId), takings.map(({ sessionId }) => sessionId)];
    await TAKE_ORDERS.run(this.dataSource, [orderIds, sessionIds, this.clock.now(), leftOver]);
    return takings.map(() => null);
  }

  async progress(orderId: string, session: AgentSession, percent: number, message: string): Promise<void> {
    const isTaken = await this.reports.ask({ orderId, machineId: session.machineId, percent, message });
    if (!isTaken) await this.ownedBy(orderId, session);
  }

  /** Of two reports of one order at once the later one counts. */
  private async reportAll(reports: readonly Progress[]): Promise<boolean[]> {
    const last = [...new Map(reports.map((report) => [report.orderId, report])).values()];
    const columns = [
      last.map(({ orderId }) => orderId),
      last.map(({ machineId }) => machineId),
      last.map(({ percent }) => percent),
      last.map(({ message }) => message),
    ];
    const rows = await REPORT_PROGRESS.run(this.dataSource, [...columns, this.clock.now()]);
    const taken = new Set(rows.map(({ id }) => id));
    return reports.map(({ orderId }) => taken.has(orderId));
  }

  /** Stores a piece of the log at its place; a piece that is there already is left as it is. */
  async appendLog(orderId: string, session: AgentSession, offsetBytes: number, content: string): Promise<void> {
    if (offsetBytes + content.length > LONGEST_LOG_BYTES) {
      await this.ownedBy(orderId, session);
      return;
    }
    // Postgres knows no NUL in text.
    const text = content.replaceAll('\0', '\uFFFD');
    const given = [orderId, session.machineId, this.clock.now(), offsetBytes, text];
    const [owned] = await ADD_LOG.run(this.dataSource, given);
    if (owned === undefined) await this.ownedBy(orderId, session);
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

  /** Takes an order back. One that the agent has begun is only marked: its result will not count. */
  async cancel(key: string): Promise<void> {
    const finishedAt = this.clock.now();
    await this.dataSource.manager.update(AgentOrder, { key, status: In(OPEN) }, { status: 'cancelled', finishedAt });
  }

  /** Takes back whatever the machine was to do: its next boot begins with nothing. */
  async cancelAll(machineId: string, manager = this.dataSource.manager): Promise<void> {
    const finishedAt = this.clock.now();
    await manager.update(AgentOrder, { machineId, status: In(OPEN) }, { status: 'cancelled', finishedAt });
  }

  async getOwned(orderId: string, session: AgentSession): Promise<AgentOrder> {
    return this.ownedBy(orderId, session);
  }

  /** Stores the result, once: a second one of the same order changes nothing. True for the first. */
  async conclude(orderId: string, result: OrderResult): Promise<boolean> {
    const status = result.ok ? 'succeeded' : 'failed';
    const given = [orderId, status, result, this.clock.now(), result.ok];
    return (await CONCLUDE_ORDER.run(this.dataSource, given)).length === 1;
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

function refusalOf(kind: OrderKind, session: AgentSession, isAccepted: boolean): string | null {
  if (WRITING_KINDS.includes(kind) && !isAccepted) return 'the machine is not accepted: nothing may be written to it';
  if (!SECRET_KINDS.includes(kind)) return null;
  if (session.purpose === 'enlist') return 'an enlisting machine is given no secrets';
  return session.inWindow ? null : 'muster did not switch the machine on for this boot: it is given no secrets';
}
