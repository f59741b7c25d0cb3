import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import { BundleLibrary } from './bundle-library.js';
import { compileDeployment, placeOptions, type CompiledDeployment } from './compile-deployment.js';
import { Deployment } from './deployment.entity.js';
import { Node } from './node.entity.js';

/** Deployments and their nodes as they are recorded. */
@Injectable()
export class DeploymentRecords {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
  ) {}

  async list(): Promise<Deployment[]> {
    return this.dataSource.getRepository(Deployment).find({ where: { removedAt: IsNull() }, order: { name: 'asc' } });
  }

  /** By name, or by id (also one that has been taken down). */
  async get(nameOrId: string): Promise<Deployment> {
    const repository = this.dataSource.getRepository(Deployment);
    const found =
      (await repository.findOneBy({ name: nameOrId, removedAt: IsNull() })) ??
      (isUuid(nameOrId) ? await repository.findOneBy({ id: nameOrId }) : null);
    if (found !== null) return found;
    throw new MusterError('not-found', `cannot find a deployment named ${nameOrId}`, {
      hint: '`muster status` lists them',
    });
  }

  async nodesOf(manager: EntityManager, deploymentId: string): Promise<Node[]> {
    return manager.find(Node, { where: { deploymentId, removedAt: IsNull() }, order: { key: 'asc' } });
  }

  /** The bundle of a deployment as it stands, compiled: its units and nodes. */
  compiled(deployment: Deployment): CompiledDeployment {
    return compileDeployment(deployment.files, this.library.roles, placeOptions(deployment.options));
  }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
