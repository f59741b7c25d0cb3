import type { Machine, MachinesService, MachineState } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { machineStepInput } from '../gate.js';
import { NOT_HELD } from '../not-held.js';
import { failureOf } from '../step-failure.js';

/**
 * The way back from each state: to `erasing`, where a disk may have been written, or straight to what it was before it
 * was taken. A machine in the middle of an install goes by way of `broken`, so that it cannot become ready unerased.
 */
const WAY_BACK: Partial<Record<MachineState, readonly MachineState[]>> = {
  commissioning: ['new'],
  acquired: ['ready'],
  deploying: ['broken', 'erasing'],
  deployed: ['releasing', 'erasing'],
  releasing: ['erasing'],
  broken: ['erasing'],
};

/** Begins to give a machine back. */
export class ReleaseHandler implements StepHandler {
  readonly kind = 'machine.release';
  readonly resumable = true;

  constructor(private readonly machines: MachinesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { machineId } = machineStepInput.parse({ when: [], ...context.input });
    let machine = await this.machines.get(machineId);
    try {
      for (const to of WAY_BACK[machine.state] ?? []) machine = await this.go(machine, to);
    } catch (error) {
      return failureOf(error);
    }
    if (machine.state === 'erasing' || machine.claim === null) return { kind: 'done' };
    await this.machines.changes.update(machine.id, NOT_HELD, {
      kind: 'claim',
      message: 'given back; nothing was written to it',
      actor: 'muster',
    });
    return { kind: 'done' };
  }

  private go(machine: Machine, to: MachineState): Promise<Machine> {
    return this.machines.changes.transition(machine.id, {
      from: [machine.state],
      to,
      version: machine.version,
      ...(to === 'ready' ? { set: NOT_HELD } : {}),
      message: `releasing: ${to}`,
      actor: 'muster',
    });
  }
}
