import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import { Deployment } from './deployment.entity.js';

/** The last step of `down`: the name is free again, the record and its runs stay. */
@Injectable()
export class RemoveDeploymentHandler implements StepHandler {
  readonly kind = 'deployment.remove';

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async run(context: StepContext): Promise<StepOutcome> {
    await this.dataSource
      .getRepository(Deployment)
      .update({ id: context.subject.id, removedAt: IsNull() }, { removedAt: context.clock.now() });
    return { kind: 'done' };
  }
}
