import type { MachinesService } from '../machines/index.js';
import type { StepHandler } from '../pipeline/index.js';

/** The same handler; a failed step is noted on its machine too, where people look first, until it is tried again. */
export function notingFailures(
  handler: StepHandler,
  machines: Pick<MachinesService, 'fail' | 'clearFailure'>,
): StepHandler {
  return {
    kind: handler.kind,
    resumable: handler.resumable,
    run: async (context) => {
      const { machineId } = context.input;
      if (typeof machineId !== 'string') return handler.run(context);
      if (context.attempt > 1) await machines.clearFailure(machineId);
      const outcome = await handler.run(context);
      if (outcome.kind === 'failed') await machines.fail(machineId, outcome.reason);
      return outcome;
    },
    cancel: (context) => handler.cancel?.(context) ?? Promise.resolve(),
  };
}
