import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { Clouds } from '../clouds/index.js';
import { MusterError } from '../error.js';
import type { NodeDirectory } from '../pipeline/index.js';
import { SECRET_BOX } from '../platform/index.js';
import type { RemoteTarget } from '../platform/remote/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { leaving } from './deployment-plan.js';
import { Deployment } from './deployment.entity.js';
import { Node } from './node.entity.js';

/** How the pipeline and `muster ssh` reach a node: its pinned host keys and its deployment's client key. */
@Injectable()
export class DeploymentNodes implements NodeDirectory {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
    @Inject(Clouds) private readonly clouds: Pick<Clouds, 'provider'>,
  ) {}

  async find(nodeId: string): Promise<(RemoteTarget & { name: string }) | null> {
    const node = await this.dataSource
      .getRepository(Node)
      .findOne({ where: { id: nodeId, removedAt: IsNull() }, relations: { deployment: true } });
    return node === null ? null : this.targetOf(node, node.deployment);
  }

  /** Asks the cloud that the node, or the host of the container, is of. A cloud that gives no answer has lost nothing. */
  async lossOf(nodeId: string): Promise<string | null> {
    const node = await this.dataSource
      .getRepository(Node)
      .findOne({ where: { id: nodeId, removedAt: IsNull() }, relations: { deployment: true } });
    if (node === null) return null;
    if (node.hostNodeId !== null) return this.lossOf(node.hostNodeId);
    const { cloud } = node.deployment;
    const isLost = await this.clouds
      .provider(cloud)
      .then((provider) => provider.hasLost?.(leaving(node)) ?? false)
      .catch(() => false);
    return isLost ? `${cloud} has no ${node.name} any more` : null;
  }

  /** `key` is the node's name in the bundle (`0`) or its own name. */
  async get(deployment: Deployment, key: string): Promise<RemoteTarget & { name: string }> {
    const nodes = await this.dataSource
      .getRepository(Node)
      .find({ where: { deploymentId: deployment.id, removedAt: IsNull() }, order: { key: 'asc' } });
    const node = nodes.find((candidate) => candidate.key === key || candidate.name === key);
    if (node !== undefined) return this.targetOf(node, deployment);
    throw new MusterError('not-found', `cannot find node ${key} of ${deployment.name}`, {
      hint: nodes.length === 0 ? 'it has no node yet' : `it has ${nodes.map((each) => each.key).join(', ')}`,
    });
  }

  private async targetOf(node: Node, deployment: Deployment): Promise<RemoteTarget & { name: string }> {
    const host = node.hostNodeId === null ? null : await this.find(node.hostNodeId);
    return {
      ...(host === null ? {} : { via: host }),
      name: node.name,
      host: node.sshHost ?? node.address,
      port: node.sshPort,
      user: node.sshUser,
      hostKeys: node.hostKeys,
      privateKey: this.secrets.open(deployment.sshPrivateKey, deployment.id),
    };
  }
}
