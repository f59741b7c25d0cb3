import { z } from 'zod';
import {
  type AgentOrders,
  type AgentSession,
  type AgentsService,
  type BootPurpose,
  type BootSessions,
  type Machine,
  type MachinesService,
} from '../machines/index.js';
import type { StepContext, StepOutcome } from '../pipeline/index.js';
import type { JsonObject } from '../plan/index.js';
import type { PowerService } from '../power/index.js';
import { failureOf } from './step-failure.js';

/** From power-on until the agent of a machine calls. */
const CALL_HOME_SECONDS = 900;
const POLL_MS = 1000;

const bootState = z.object({
  boot: z
    .object({
      attempt: z.number(),
      phase: z.enum(['switching', 'waiting']),
      since: z.string(),
      reported: z.string().default(''),
    })
    .optional(),
});

interface BootServices {
  machines: MachinesService;
  agents: AgentsService;
  orders: AgentOrders;
  sessions: BootSessions;
  power: PowerService;
}

/**
 * Brings a machine into the memory environment: resets it from the network and waits for its agent. Can be stopped and
 * called again at any instant; what has been done is kept in the step's own notes.
 */
export class AgentBoot {
  /**
   * `callHomeSeconds`: how long a machine may take from power-on until its agent calls. Secrets go to a boot that began
   * within this time after muster's own power-on.
   */
  constructor(
    private readonly services: BootServices,
    private readonly callHomeSeconds = CALL_HOME_SECONDS,
  ) {}

  /** The agent, or what the step comes to meanwhile. An agent that is up and good for this purpose is kept. */
  async ensure(
    context: StepContext,
    machine: Machine,
    purpose: BootPurpose,
  ): Promise<{ agent: AgentSession } | { outcome: StepOutcome }> {
    const noted = bootState.parse(context.state).boot;
    // A retry switches the machine on once more.
    const boot = noted?.attempt === context.attempt ? noted : undefined;
    const agent = await this.services.agents.findLive(machine.id);
    if (agent !== null && isGoodFor(agent, purpose) && (boot === undefined || agent.startedAt >= new Date(boot.since)))
      return { agent };
    if (boot?.phase === 'waiting')
      return { outcome: await this.wait(context, machine, new Date(boot.since), boot.reported) };
    return { outcome: await this.begin(context, machine, purpose) };
  }

  private async begin(context: StepContext, machine: Machine, purpose: BootPurpose): Promise<StepOutcome> {
    const { agents, machines, power } = this.services;
    const since = context.clock.now().toISOString();
    try {
      if (await this.isAnotherAwaited(context, machine)) return { kind: 'again', afterMs: POLL_MS };
      await this.note(context, { phase: 'switching', since, reported: '' });
      await agents.endAll(machine.id);
      await machines.openWindow(machine.id, this.callHomeSeconds);
      if (!(await power.bootOnceFromNetwork(machine.id, context.signal)))
        await context.log(
          'its power driver cannot choose the boot device: the network must be first in its boot order\n',
        );
      await power.cycle(machine.id, context.signal);
    } catch (error) {
      return failureOf(error);
    }
    await context.log(`switched on, to ${purpose}\n`);
    await this.note(context, { phase: 'waiting', since, reported: '' });
    return { kind: 'again', afterMs: POLL_MS };
  }

  /**
   * A machine that was only declared is known by the UUID that its driver tells; without one, by being the only one that
   * was just switched on: then the others wait for their turn.
   */
  private async isAnotherAwaited(context: StepContext, machine: Machine): Promise<boolean> {
    if (machine.state !== 'declared' || machine.uuid !== null || machine.nics.length > 0) return false;
    const uuid = await this.services.power.uuid(machine.id, context.signal);
    if (uuid !== null) {
      await this.services.machines.setUuid(machine.id, uuid);
      return false;
    }
    return !(await this.services.machines.awaitAlone(machine.id, this.callHomeSeconds));
  }

  private async wait(context: StepContext, machine: Machine, since: Date, reported: string): Promise<StepOutcome> {
    const seen = await this.services.sessions.seenSince(machine.id, since);
    const last = seen.at(-1);
    if (last !== undefined && last.id !== reported) {
      await context.log(`${last.stage}: ${last.message}\n`);
      await this.note(context, { phase: 'waiting', since: since.toISOString(), reported: last.id });
    }
    const waitedMs = context.clock.now().getTime() - since.getTime();
    if (waitedMs < this.callHomeSeconds * 1000) return { kind: 'again', afterMs: POLL_MS };
    const reason = await this.services.sessions.whyStalled(machine.id, since);
    return {
      kind: 'failed',
      failure: 'transient',
      reason: `${machine.name} did not call home within ${this.callHomeSeconds} s: ${reason}`,
      hint: `muster machines boot-log ${machine.name}`,
    };
  }

  private async note(context: StepContext, boot: JsonObject): Promise<void> {
    await context.saveState({ ...context.state, boot: { ...boot, attempt: context.attempt } });
  }
}

/** An enlisting boot gets no secrets, so nothing can be installed from it; one that we did not begin neither. */
function isGoodFor(agent: AgentSession, purpose: BootPurpose): boolean {
  if (purpose === 'enlist' || purpose === 'commission' || purpose === 'test') return true;
  return agent.inWindow && agent.purpose !== 'enlist';
}
