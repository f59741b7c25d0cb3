import { z } from 'zod';
import type { AgentOrders, Machine, MachinesService, MachineState } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { NOT_HELD } from '../not-held.js';
import { failureOf } from '../step-failure.js';

const input = z.object({ machineId: z.string() });
const UNREACHED = 'let go without being reached: its disks may hold the last system and its secrets';
/** From these a machine may go to `broken` at once; what nothing was written to is only let go. */
const WRITTEN: readonly MachineState[] = ['acquired', 'deploying', 'deployed', 'releasing', 'erasing'];

/**
 * Lets a machine go that cannot be reached. It becomes `broken`, never ready: whoever mends it has its disks erased
 * first. Nothing is asked of the machine or its power driver.
 */
export class AbandonHandler implements StepHandler {
  readonly kind = 'machine.abandon';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly orders: AgentOrders,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { machineId } = input.parse(context.input);
    try {
      const known = await this.machines.get(machineId);
      if (known.claim === null && known.deploymentId === null) return { kind: 'done' };
      await this.orders.cancelAll(machineId);
      const machine = await this.backFromVisit(known);
      await this.letGo(machine);
      return { kind: 'done', note: `${machine.name} is ${WRITTEN.includes(machine.state) ? 'broken' : machine.state}` };
    } catch (error) {
      return failureOf(error);
    }
  }

  private async letGo(machine: Machine): Promise<void> {
    const { changes } = this.machines;
    if (!WRITTEN.includes(machine.state)) {
      await changes.update(machine.id, NOT_HELD, { kind: 'claim', message: UNREACHED, actor: 'muster' });
      return;
    }
    await changes.transition(machine.id, {
      from: [machine.state],
      to: 'broken',
      version: machine.version,
      set: { ...NOT_HELD, failed: true, failedReason: UNREACHED },
      message: UNREACHED,
      actor: 'muster',
    });
  }

  /** A rescue or a test goes back to the state before, and to no other. */
  private async backFromVisit(machine: Machine): Promise<Machine> {
    const { state, previousState, version } = machine;
    if ((state !== 'rescue' && state !== 'testing') || previousState === null) return machine;
    const message = `the ${state} ends`;
    return this.machines.changes.transition(machine.id, {
      from: [state],
      to: previousState,
      version,
      message,
      actor: 'muster',
    });
  }
}
