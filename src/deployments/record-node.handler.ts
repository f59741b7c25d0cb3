import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { z } from 'zod';
import { MusterError } from '../error.js';
import type { NodeDirectory, StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import type { Remote } from '../platform/remote/index.js';
import { Node } from './node.entity.js';

const recordNodeInput = z.object({
  deploymentId: z.string(),
  key: z.string(),
  name: z.string(),
  machineId: z.string().nullable(),
  /** Of a container: the node it is on. */
  hostNodeId: z.string().nullable().default(null),
  cloneOf: z.string().optional(),
  /** Left out where a node is recorded anew that was made before: a container on another host. */
  base: z.string().optional(),
  constraints: z.record(z.string(), z.unknown()).optional(),
  /** Left out: the node is asked. */
  architecture: z.string().optional(),
  address: z.string(),
  sshHost: z.string().nullable().default(null),
  sshPort: z.number().int().default(22),
  sshUser: z.string().default('root'),
  hostKeys: z.array(z.string()).min(1),
});

/** Debian's names of architectures; what has no dpkg says the kernel's, of which these differ. */
const KERNEL_NAMES: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64', ppc64le: 'ppc64el' };
const ASK_ARCHITECTURE = ['sh', '-c', 'dpkg --print-architecture 2>/dev/null || uname -m'];

/** Records a node that its cloud has made, and publishes where and what it is: `nodeId`, `address`, `name`, `arch`. */
@Injectable()
export class RecordNodeHandler implements StepHandler {
  readonly kind = 'deployment.node';

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly remote: Remote,
    private readonly directory: NodeDirectory,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { deploymentId, key, ...facts } = recordNodeInput.parse(context.input);
    const nodes = this.dataSource.getRepository(Node);
    const known = await nodes.findOneBy({ deploymentId, key, removedAt: IsNull() });
    const fresh = { deploymentId, key, readyAt: context.clock.now(), architecture: '' };
    const node = await nodes.save(Object.assign(known ?? nodes.create(fresh), facts));
    if (node.architecture === '') {
      node.architecture = await this.ask(node.id, context.signal);
      await nodes.update({ id: node.id }, { architecture: node.architecture });
    }
    const { address, name, architecture } = node;
    return { kind: 'done', outputs: { nodeId: node.id, address, name, arch: architecture } };
  }

  private async ask(nodeId: string, signal: AbortSignal): Promise<string> {
    const target = await this.directory.find(nodeId);
    if (target === null) throw new MusterError('not-found', `cannot find node ${nodeId}: it was removed`);
    const shell = await this.remote.connect(target, { signal });
    try {
      const { stdout } = await shell.exec(ASK_ARCHITECTURE, { readOnly: true, signal });
      const said = stdout.trim();
      if (!/^[a-z0-9_]{2,16}$/.test(said)) {
        throw new MusterError('unavailable', `cannot tell the architecture of ${target.name}: it says "${said}"`);
      }
      return KERNEL_NAMES[said] ?? said;
    } finally {
      await shell.close();
    }
  }
}
