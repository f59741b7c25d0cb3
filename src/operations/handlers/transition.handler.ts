import { z } from 'zod';
import { MACHINE_STATES, type Machine, type MachinesService, type MachineState } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

const input = machineStepInput.extend({
  /** `previous`: the state that a rescue or a test was entered from. */
  to: z.union([z.literal('previous'), z.enum(MACHINE_STATES as [MachineState, ...MachineState[]])]),
  message: z.string(),
});

/** Moves a machine from one state to the next: where an operation begins or ends. */
export class TransitionHandler implements StepHandler {
  readonly kind = 'machine.transition';
  readonly resumable = true;

  constructor(private readonly machines: MachinesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { to, message, ...step } = input.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    if (machine.state === to) return { kind: 'done', note: `${machine.name} is ${to} already` };
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    try {
      await this.machines.changes.transition(machine.id, {
        from: step.when,
        to: targetOf(machine, to),
        version: machine.version,
        ...(to === 'deployed' ? { set: { deployedAt: context.clock.now() } } : {}),
        message,
        actor: 'muster',
      });
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}

function targetOf(machine: Machine, to: MachineState | 'previous'): MachineState {
  return to === 'previous' ? (machine.previousState ?? 'broken') : to;
}
