import type { AgentOrders, AgentsService, MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { PowerService } from '../../power/index.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

/** Lets a machine go on with what is on its disk; one with nothing on it is switched off. */
export class RestartHandler implements StepHandler {
  readonly kind = 'machine.restart';
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
    if (machine.powerDriver === null) return { kind: 'done', note: 'nobody can switch it for us' };
    try {
      await this.orders.cancelAll(machine.id);
      await this.agents.endAll(machine.id);
      if (machine.state === 'deployed') await this.power.cycle(machine.id, context.signal);
      else await this.power.off(machine.id, context.signal);
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}
