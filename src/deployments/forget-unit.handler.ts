import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import type { StandingState } from './standing.js';

/** A unit is gone from its node: what it was laid down with no longer counts. */
@Injectable()
export class ForgetUnitHandler implements StepHandler {
  readonly kind = 'deployment.forget-unit';

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly state: StandingState,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { unit, nodeId } = z.object({ unit: z.string(), nodeId: z.string() }).parse(context.input);
    await this.state.forget(this.dataSource.manager, context.subject.id, unit, nodeId);
    return { kind: 'done' };
  }
}
