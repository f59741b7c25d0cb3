import type { AgentOrders, AgentsService, MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { PowerService } from '../../power/index.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

/** Switches off a machine that has nothing to do. */
export class PowerOffHandler implements StepHandler {
  readonly kind = 'machine.power-off';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly agents: AgentsService,
    private readonly orders: AgentOrders,
    private readonly power: PowerService,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const step = machineStepInput.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    if (machine.powerDriver === null) return { kind: 'done', note: 'nobody can switch it off for us' };
    try {
      await this.orders.cancelAll(machine.id);
      await this.agents.endAll(machine.id);
      await this.power.off(machine.id, context.signal);
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}
