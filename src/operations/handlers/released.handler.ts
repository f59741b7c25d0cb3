import type { MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

/** `erasing` to `ready`: nobody's, with nothing left of what it was. */
export class ReleasedHandler implements StepHandler {
  readonly kind = 'machine.released';
  readonly resumable = true;

  constructor(private readonly machines: MachinesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const step = machineStepInput.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    try {
      await this.machines.changes.transition(machine.id, {
        from: step.when,
        to: 'ready',
        version: machine.version,
        set: {
          ...{ claim: null, deploymentId: null, owner: null, target: null, image: null, hostname: null },
          ...{ hostKeys: [], address: null, installedAt: null, deployedAt: null, everDeployed: false },
        },
        message: 'released and erased',
        actor: 'muster',
      });
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}
