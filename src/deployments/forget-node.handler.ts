import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import { Node } from './node.entity.js';

/** Marks a node as gone, after its cloud has taken it back. */
@Injectable()
export class ForgetNodeHandler implements StepHandler {
  readonly kind = 'deployment.forget-node';

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { nodeId } = z.object({ nodeId: z.string() }).parse(context.input);
    await this.dataSource
      .getRepository(Node)
      .update({ id: nodeId, removedAt: IsNull() }, { removedAt: context.clock.now() });
    return { kind: 'done' };
  }
}
