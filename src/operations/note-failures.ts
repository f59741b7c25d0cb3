import type { MachinesService } from '../machines/index.js';
import type { StepHandler } from '../pipeline/index.js';

/** The same handler; a failed step is noted on its machine too, where people look first. */
export function notingFailures(handler: StepHandler, machines: Pick<MachinesService, 'fail'>): StepHandler {
  return {
    kind: handler.kind,
    resumable: handler.resumable,
    run: async (context) => {
      const outcome = await handler.run(context);
      const { machineId } = context.input;
      if (outcome.kind === 'failed' && typeof machineId === 'string') await machines.fail(machineId, outcome.reason);
      return outcome;
    },
    cancel: (context) => handler.cancel?.(context) ?? Promise.resolve(),
  };
}
