import type { AgentOrder, AgentOrders, BootPurpose, Machine, OrderKind, OrderParameters } from '../machines/index.js';
import type { StepContext, StepOutcome } from '../pipeline/index.js';
import type { JsonObject, JsonValue } from '../plan/index.js';
import type { AgentBoot } from './agent-boot.js';

const POLL_MS = 1000;

export interface WantedOrder<Kind extends OrderKind> {
  kind: Kind;
  parameters: OrderParameters<Kind>;
  timeoutSeconds: number;
}

/** Has the agent of a machine carry out one order: boots it where needed, follows progress and log, returns the result. */
export class OrderRunner {
  constructor(
    private readonly boot: AgentBoot,
    private readonly orders: AgentOrders,
  ) {}

  /**
   * `done` carries what the agent reported as outputs. The order goes by the step's execution, so a step that is taken
   * over finds the order it gave; `make` is asked for it once. `purpose` is what the machine is booted for where no
   * agent of it is up.
   */
  async run<Kind extends OrderKind>(
    context: StepContext,
    machine: Machine,
    purpose: BootPurpose,
    make: () => WantedOrder<Kind> | Promise<WantedOrder<Kind>>,
  ): Promise<StepOutcome> {
    const known = await this.orders.find(keyOf(context));
    if (known?.result != null) return this.follow(context, known);
    const agent = await this.boot.ensure(context, machine, purpose);
    if ('outcome' in agent) return agent.outcome;
    return this.follow(context, known ?? (await this.give(context, machine, await make())));
  }

  private give<Kind extends OrderKind>(
    context: StepContext,
    machine: Machine,
    wanted: WantedOrder<Kind>,
  ): Promise<AgentOrder> {
    return this.orders.enqueue({ machineId: machine.id, key: keyOf(context), ...wanted });
  }

  private async follow(context: StepContext, order: AgentOrder): Promise<StepOutcome> {
    await this.copyLog(context, order);
    if (order.status === 'running' && order.message !== context.state.message) {
      await context.progress(order.percent, order.message);
      await context.saveState({ ...context.state, message: order.message });
    }
    return order.result === null && order.status !== 'cancelled'
      ? { kind: 'again', afterMs: POLL_MS }
      : outcomeOf(order);
  }

  async cancel(context: StepContext): Promise<void> {
    await this.orders.cancel(keyOf(context));
  }

  private async copyLog(context: StepContext, order: AgentOrder): Promise<void> {
    const isThis = context.state.logOrder === order.id;
    const copied = isThis && typeof context.state.logBytes === 'number' ? context.state.logBytes : 0;
    const pieces = await this.orders.logAfter(order.id, copied);
    let end = copied;
    for (const piece of pieces) {
      await context.log(piece.content);
      end = Math.max(end, piece.offsetBytes + 1);
    }
    if (end > copied) await context.saveState({ ...context.state, logOrder: order.id, logBytes: end });
  }
}

/** An automatic retry keeps the execution, but must not find the failed order of the try before. */
function keyOf(context: StepContext): string {
  return `step ${context.executionId} try ${context.attempt}`;
}

function outcomeOf(order: AgentOrder): StepOutcome {
  const result = order.result;
  if (result?.ok === true) return { kind: 'done', outputs: result.output as Record<string, JsonValue> & JsonObject };
  return {
    kind: 'failed',
    failure: result?.failure ?? 'transient',
    reason: result?.error ?? `the order was ${order.status}`,
  };
}
