import type { DataSource, EntityManager } from 'typeorm';
import { IsNull, MoreThan, Not } from 'typeorm';
import type { z } from 'zod';
import { messageOf, MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import { Gathering } from '../platform/database/index.js';
import { type AgentOrders, type IssuedOrder, LEAVING_KINDS, type Work } from './agent-orders.service.js';
import type { OrderResult, sessionRequest } from './agent-orders.js';
import { AgentSession } from './agent-session.entity.js';
import { BEGIN_SESSION, FIND_SESSIONS, TOUCH_SESSIONS } from './agent-statements.js';
import type { BootNonces } from './boot-nonces.service.js';
import type { MetMachine } from './enlist-statements.js';
import type { EnlistmentService } from './enlistment.service.js';
import { machineFacts } from './facts.js';
import { sameUuid, usableUuid } from './identity.js';
import type { MachineState } from './lifecycle.js';
import { MachineChanges } from './machine-changes.js';
import { Machine } from './machine.entity.js';
import { hashOf, newSecret } from './secret-text.js';

export type SessionRequest = z.infer<typeof sessionRequest>;

export type NextOrder = { kind: 'order'; order: IssuedOrder } | { kind: 'nothing' } | { kind: 'over' };

/** Somebody works on the machine: its agent is kept, however long it has nothing to do. */
const HELD: readonly MachineState[] = [
  'commissioning',
  'acquired',
  'deploying',
  'releasing',
  'erasing',
  'rescue',
  'testing',
];
const IDLE_MS = 120_000;
/** An agent asks at least this often (it is held 25 s at most), or shows progress. */
const SILENT_MS = 90_000;
/** Much shorter than the above. */
const TOUCH_MS = 5000;

/** The agents' side of the inventory: sessions, and what happens with what they say. */
export class AgentsService {
  private readonly changes: MachineChanges;
  private readonly tokens: Gathering<string, AgentSession | null>;
  private readonly touches: Gathering<string, null>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly nonces: BootNonces,
    private readonly enlistment: EnlistmentService,
    private readonly orders: AgentOrders,
    private readonly clock: Clock,
  ) {
    this.changes = new MachineChanges(dataSource);
    this.tokens = new Gathering((hashes) => this.findSessions(hashes));
    this.touches = new Gathering(async (ids) => {
      await TOUCH_SESSIONS.run(dataSource, [ids, this.clock.now()]);
      return ids.map(() => null);
    });
  }

  /**
   * Exchanges a boot nonce, once, for a session token. Throws `unauthenticated` for a nonce that is unknown, too old or
   * spent (which raises an alert), `conflict` for a machine that cannot be the one it says.
   */
  async open(
    request: SessionRequest,
    address: string,
  ): Promise<{ token: string; machine: MetMachine; session: AgentSession }> {
    const token = newSecret();
    const opened = await this.dataSource.transaction(async (manager) => {
      const burn = await this.nonces.burn(manager, request.nonce);
      if (burn.kind !== 'burned') return burn;
      const machine = await this.identify(manager, request, burn.nonce.machineId);
      const session = await this.begin(manager, machine.id, {
        tokenHash: hashOf(token),
        purpose: burn.nonce.purpose,
        inWindow: burn.nonce.inWindow,
        address,
        agentVersion: request.agentVersion,
      });
      await this.greet(manager, session);
      return { machine, session };
    });
    if ('kind' in opened) throw await this.refuse(opened, address);
    if (opened.session.purpose === 'enlist') await this.enlistment.judge(opened.machine);
    return { token, ...opened };
  }

  private async identify(
    manager: EntityManager,
    request: SessionRequest,
    expected: string | null,
  ): Promise<MetMachine> {
    if (expected !== null) {
      const machine = await manager.findOne(Machine, { where: { id: expected }, select: { id: true, uuid: true } });
      const uuid = usableUuid(request.uuid);
      if (machine?.uuid != null && uuid !== null && !sameUuid(machine.uuid, uuid)) {
        const message = `a machine with UUID ${uuid} used the boot script of this one`;
        await this.changes.event(expected, { kind: 'identity', level: 'alert', message, actor: 'machine' });
        throw new MusterError('conflict', `cannot open a session: ${message}`);
      }
    }
    const machine = await this.enlistment.enlist(manager, request);
    if (expected !== null && machine.id !== expected)
      throw new MusterError('conflict', 'cannot open a session: the boot script was for another machine');
    return machine;
  }

  private async begin(
    manager: EntityManager,
    machineId: string,
    fields: Pick<AgentSession, 'tokenHash' | 'purpose' | 'inWindow' | 'address' | 'agentVersion'>,
  ): Promise<AgentSession> {
    const { tokenHash, purpose, inWindow, address, agentVersion } = fields;
    const now = this.clock.now();
    return BEGIN_SESSION.one(manager, [machineId, now, tokenHash, purpose, inWindow, address, agentVersion]);
  }

  private async refuse(
    burn: { kind: 'replayed'; nonce: { machineId: string | null; mac: string } } | { kind: 'unknown' },
    address: string,
  ): Promise<MusterError> {
    if (burn.kind === 'replayed')
      await this.changes.event(burn.nonce.machineId, {
        kind: 'nonce-replayed',
        level: 'alert',
        message: `a boot nonce of ${burn.nonce.mac} was exchanged a second time, by ${address}`,
        details: { address, mac: burn.nonce.mac },
        actor: 'machine',
      });
    const why = burn.kind === 'replayed' ? 'the nonce was exchanged before' : 'the nonce is unknown or too old';
    return new MusterError('unauthenticated', `cannot open a session: ${why}`, { hint: 'boot the machine again' });
  }

  /** An enlisting machine is measured at once: nobody has to ask for that. */
  private async greet(manager: EntityManager, session: AgentSession): Promise<void> {
    if (session.purpose !== 'enlist') return;
    const { machineId } = session;
    const key = `enlist ${session.id}`;
    await this.orders.enqueueIn(manager, { machineId, key, kind: 'facts', parameters: {}, timeoutSeconds: 300 });
  }

  /** The session of this token; null where it is unknown. One that is over is returned with its end. */
  findByToken(token: string): Promise<AgentSession | null> {
    return this.tokens.ask(hashOf(token));
  }

  private async findSessions(hashes: readonly string[]): Promise<(AgentSession | null)[]> {
    const sessions = await FIND_SESSIONS.run(this.dataSource, [hashes]);
    const found = new Map(sessions.map((session) => [session.tokenHash, session]));
    return hashes.map((hash) => found.get(hash) ?? null);
  }

  /** The agent that runs on the machine now, if one does. */
  findLive(machineId: string): Promise<AgentSession | null> {
    const since = new Date(this.clock.now().getTime() - SILENT_MS);
    return this.dataSource
      .getRepository(AgentSession)
      .findOneBy({ machineId, endedAt: IsNull(), lastSeenAt: MoreThan(since) });
  }

  /** To be called at every sign of life; written down now and then. */
  async touch(session: AgentSession): Promise<void> {
    if (this.clock.now().getTime() - session.lastSeenAt.getTime() < TOUCH_MS) return;
    await this.touches.ask(session.id);
  }

  /** What the agent is to do now. `over`: nobody wants it any more, it is to switch its machine off. */
  async next(session: AgentSession): Promise<NextOrder> {
    if (session.endedAt !== null) return { kind: 'over' };
    const { machine, order } = await this.orders.workFor(session);
    if (machine === null) return { kind: 'over' };
    if (order !== null) return { kind: 'order', order };
    if (!(await this.isUnwanted(session, machine))) return { kind: 'nothing' };
    await this.end(session.id);
    return { kind: 'over' };
  }

  private async isUnwanted(session: AgentSession, machine: NonNullable<Work['machine']>): Promise<boolean> {
    if (HELD.includes(machine.state)) return false;
    const [last] = await this.orders.list(session.machineId, 1);
    if (session.purpose === 'enlist' && machine.acceptedAt === null) return last?.finishedAt != null;
    const since = Math.max(session.startedAt.getTime(), last?.finishedAt?.getTime() ?? 0);
    return this.clock.now().getTime() - since > IDLE_MS;
  }

  async end(sessionId: string): Promise<void> {
    await this.dataSource.manager.update(
      AgentSession,
      { id: sessionId, endedAt: IsNull() },
      { endedAt: this.clock.now() },
    );
  }

  /** Ends whatever agent the machine has: muster is about to reset it. */
  async endAll(machineId: string, except: string | null = null): Promise<void> {
    const others = except === null ? {} : { id: Not(except) };
    await this.dataSource.manager.update(
      AgentSession,
      { machineId, endedAt: IsNull(), ...others },
      { endedAt: this.clock.now() },
    );
  }

  /** Stores an order's result, once. Facts are taken over at the same time. */
  async result(orderId: string, session: AgentSession, result: OrderResult): Promise<void> {
    const order = await this.orders.getOwned(orderId, session);
    const checked = order.kind === 'facts' && result.ok ? await this.takeFacts(session.machineId, result) : result;
    await this.orders.conclude(order.id, checked);
    // It leaves the memory environment with this: whoever wants an agent now must boot the machine again.
    if (result.ok && LEAVING_KINDS.includes(order.kind)) await this.end(session.id);
  }

  private async takeFacts(machineId: string, result: OrderResult & { ok: true }): Promise<OrderResult> {
    const parsed = machineFacts.safeParse(result.output.facts);
    if (!parsed.success)
      return {
        ok: false,
        failure: 'permanent',
        error: `cannot read the facts: ${parsed.error.message}`.slice(0, 4000),
      };
    try {
      await this.enlistment.storeFacts(machineId, parsed.data);
    } catch (error) {
      if (!(error instanceof MusterError)) throw error;
      return { ok: false, failure: 'permanent', error: messageOf(error) };
    }
    // Kept with the machine; no need to have them twice.
    return { ok: true, output: {} };
  }
}
