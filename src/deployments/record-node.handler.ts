import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { z } from 'zod';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import { Node } from './node.entity.js';

const recordNodeInput = z.object({
  deploymentId: z.string(),
  key: z.string(),
  name: z.string(),
  machineId: z.string().nullable(),
  address: z.string(),
  sshPort: z.number().int().default(22),
  sshUser: z.string().default('root'),
  hostKeys: z.array(z.string()).min(1),
});

/** Records a node that its cloud has made, and publishes where it is: `nodeId`, `address`, `name`. */
@Injectable()
export class RecordNodeHandler implements StepHandler {
  readonly kind = 'deployment.node';

  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { deploymentId, key, ...facts } = recordNodeInput.parse(context.input);
    const nodes = this.dataSource.getRepository(Node);
    const known = await nodes.findOneBy({ deploymentId, key, removedAt: IsNull() });
    const node = await nodes.save(
      Object.assign(known ?? nodes.create({ deploymentId, key, readyAt: context.clock.now() }), facts),
    );
    return { kind: 'done', outputs: { nodeId: node.id, address: node.address, name: node.name } };
  }
}
