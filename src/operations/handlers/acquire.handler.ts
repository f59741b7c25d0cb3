import { z } from 'zod';
import type { ClaimsService, MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

const input = machineStepInput.extend({
  claim: z.string(),
  deploymentId: z.string().nullable(),
  owner: z.string(),
  constraint: z.record(z.string(), z.json()),
});

/** Takes a ready machine for good, after a last look whether it fits what is asked. */
export class AcquireHandler implements StepHandler {
  readonly kind = 'machine.acquire';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly claims: ClaimsService,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { claim, deploymentId, owner, constraint, ...step } = input.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop?.kind === 'done' && machine.claim !== claim) {
      const reason = `${machine.name} is taken for ${machine.claim ?? 'nobody'}, not for ${claim}`;
      return { kind: 'failed', failure: 'permanent', reason };
    }
    if (stop !== null) return stop;
    try {
      await this.claims.acquire(machine, { claim, deploymentId, owner, constraint });
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}
