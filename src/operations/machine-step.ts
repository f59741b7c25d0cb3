import type { MachineState } from '../machines/index.js';
import { step, type JsonObject, type JsonValue, type StepSpec } from '../plan/index.js';

/** A machine by its id, or by the output of the step that chose it. */
export type MachineArgument = JsonValue;

export interface OperationPlace {
  /** Before the keys of all its steps: `node/0`. */
  prefix: string;
  machine: MachineArgument;
  /** What must have succeeded first. */
  after: string[];
}

interface MachineStep {
  name: string;
  kind: string;
  title: string;
  when: readonly MachineState[];
  passed: readonly MachineState[];
  input?: JsonObject;
  bounds?: Partial<Pick<StepSpec, 'timeoutSeconds' | 'stallSeconds' | 'retries' | 'destructive'>>;
}

/** Steps about one machine, one after the other. */
export function machineSteps(place: OperationPlace, steps: readonly MachineStep[]): StepSpec[] {
  let after = place.after;
  return steps.map(({ name, kind, title, when, passed, input = {}, bounds = {} }) => {
    const spec = step({
      key: `${place.prefix}:${name}`,
      kind,
      title,
      lane: place.prefix,
      input: { machineId: place.machine, when: [...when], passed: [...passed], ...input },
      after,
      ...bounds,
    });
    after = [spec.key];
    return spec;
  });
}

/** A step in which a machine may boot: its own limits are tighter than these. */
export const BOOTING = { timeoutSeconds: 2700, stallSeconds: 1200, retries: 2 };
