import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import { SECRET_BOX } from '../platform/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { DeploymentRecords } from './deployment-records.js';
import type { Deployment } from './deployment.entity.js';

export interface ReachableNode {
  /** In the bundle: `0`. */
  key: string;
  /** Its own name. */
  name: string;
  address: string;
  /** Where SSH reaches it. */
  host: string;
  port: number;
  user: string;
  /** OpenSSH public key lines; no other host key is to be taken. */
  hostKeys: string[];
  /** Key of the node that it is a container on, and is reached through. */
  on: string | null;
  /** Key of the node that it is a copy of; null: the bundle names it. */
  cloneOf: string | null;
  units: string[];
}

/** What other programs need to reach the nodes of a deployment by SSH. */
export interface DeploymentReach {
  deployment: string;
  cloud: string;
  /** Of its client key, which opens every node of it. */
  privateKey: string;
  nodes: ReachableNode[];
}

/** Hands out what reaches all nodes of a deployment. */
@Injectable()
export class ReachService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(DeploymentRecords) private readonly records: DeploymentRecords,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
  ) {}

  /** Throws `conflict` where there is no node yet. */
  async of(deployment: Deployment): Promise<DeploymentReach> {
    const { id, name, cloud, sshPrivateKey } = deployment;
    const nodes = await this.records.nodesOf(this.dataSource.manager, id);
    if (nodes.length === 0)
      throw new MusterError('conflict', `cannot reach ${name}: it has no node yet`, { hint: `muster status ${name}` });
    const { units } = this.records.compiled(deployment).compiled;
    return {
      ...{ deployment: name, cloud, privateKey: this.secrets.open(sshPrivateKey, id) },
      nodes: nodes.map((node) => ({
        ...{ key: node.key, name: node.name, address: node.address },
        ...{ host: node.sshHost ?? node.address, port: node.sshPort, user: node.sshUser, hostKeys: node.hostKeys },
        on: nodes.find((other) => other.id === node.hostNodeId)?.key ?? null,
        cloneOf: node.cloneOf,
        units: units.filter((unit) => unit.node === node.key).map((unit) => unit.name),
      })),
    };
  }
}
