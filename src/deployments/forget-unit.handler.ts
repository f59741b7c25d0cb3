import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { RunsService, StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import type { StandingState } from './standing.js';

const forgetInput = z.object({
  unit: z.string(),
  nodeId: z.string(),
  /** Only where these steps of the run have succeeded. */
  removedBy: z.array(z.string()).optional(),
});

/** A unit is gone from its node: what it was laid down with no longer counts. */
@Injectable()
export class ForgetUnitHandler implements StepHandler {
  readonly kind = 'deployment.forget-unit';

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly state: StandingState,
    private readonly runs: Pick<RunsService, 'get'>,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { unit, nodeId, removedBy } = forgetInput.parse(context.input);
    if (removedBy !== undefined && (await this.leftOut(context.runId, removedBy)))
      return { kind: 'done', note: 'it is remembered: what takes it away has failed' };
    await this.state.forget(this.dataSource.manager, context.subject.id, unit, nodeId);
    return { kind: 'done' };
  }

  private async leftOut(runId: string, keys: readonly string[]): Promise<boolean> {
    const { steps } = await this.runs.get(runId);
    return steps.some(({ key, status }) => keys.includes(key) && status !== 'succeeded');
  }
}
