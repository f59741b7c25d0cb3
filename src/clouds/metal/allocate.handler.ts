import { Inject, Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MusterError } from '../../error.js';
import { ClaimsService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { machineConstraint } from './machine-constraint.js';

const allocateInput = z.object({
  claim: z.string(),
  deploymentId: z.string(),
  owner: z.string(),
  constraints: z.record(z.string(), z.json()),
});

/** Chooses a machine that fits and takes it for one node; asked again it gives the same. Publishes `machineId`, `name`. */
@Injectable()
export class AllocateHandler implements StepHandler {
  readonly kind = 'metal.allocate';

  constructor(@Inject(ClaimsService) private readonly claims: ClaimsService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { constraints, ...request } = allocateInput.parse(context.input);
    try {
      const machine = await this.claims.claim({ ...request, constraint: machineConstraint(constraints) });
      return { kind: 'done', outputs: { machineId: machine.id, name: machine.name }, note: `took ${machine.name}` };
    } catch (error) {
      if (!(error instanceof MusterError) || error.kind !== 'conflict') throw error;
      for (const { at, message } of error.details) await context.log(`${at ?? ''}: ${message}\n`);
      return { kind: 'failed', failure: 'needs-operator', reason: error.message, hint: error.hint };
    }
  }
}
