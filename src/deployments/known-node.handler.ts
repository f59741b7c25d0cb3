import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import { Node } from './node.entity.js';

/** Stands for the making of a node that an earlier run has made, and publishes the same as that did. */
@Injectable()
export class KnownNodeHandler implements StepHandler {
  readonly kind = 'deployment.known-node';

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { nodeId } = z.object({ nodeId: z.string() }).parse(context.input);
    const node = await this.dataSource.getRepository(Node).findOneBy({ id: nodeId, removedAt: IsNull() });
    if (node === null) {
      const reason = 'the node has been removed since this plan was made';
      return { kind: 'failed', failure: 'permanent', reason, hint: 'run `muster up` again' };
    }
    return {
      kind: 'done',
      outputs: { nodeId: node.id, address: node.address, name: node.name, arch: node.architecture },
      note: 'made by an earlier run',
    };
  }
}
