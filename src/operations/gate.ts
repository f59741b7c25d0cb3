import { z } from 'zod';
import { MACHINE_STATES, type Machine, type MachineState } from '../machines/index.js';
import type { StepOutcome } from '../pipeline/index.js';

const state = z.enum(MACHINE_STATES as [MachineState, ...MachineState[]]);

/** What every step about a machine is given. */
export const machineStepInput = z.object({
  machineId: z.string(),
  /** The states in which the step has something to do. */
  when: z.array(state),
  /** The states that show that its goal was reached before. */
  passed: z.array(state).default([]),
});

/** Null: go on. Otherwise what the step comes to at once. */
export function gate(machine: Machine, { when, passed }: z.infer<typeof machineStepInput>): StepOutcome | null {
  if (when.includes(machine.state)) return null;
  if (passed.includes(machine.state)) return { kind: 'done', note: `${machine.name} is ${machine.state} already` };
  return {
    kind: 'failed',
    failure: 'permanent',
    reason: `${machine.name} is ${machine.state}; this step is for one that is ${when.join(' or ')}`,
    hint: `see what happened to it: muster machines show ${machine.name}`,
  };
}
