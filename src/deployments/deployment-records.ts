import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In, IsNull, type EntityManager } from 'typeorm';
import { loadBundle } from '../bundles/index.js';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import { CLOCK } from '../platform/index.js';
import { BundleLibrary } from './bundle-library.js';
import {
  compileDeployment,
  placeOptions,
  type CompiledDeployment,
  type LoadedDeployment,
} from './compile-deployment.js';
import { DeploymentVersion } from './deployment-version.entity.js';
import { Deployment } from './deployment.entity.js';
import { Node } from './node.entity.js';

/** Deployments and their nodes as they are recorded. */
@Injectable()
export class DeploymentRecords {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(BundleLibrary) private readonly library: BundleLibrary,
    @Inject(CLOCK) private readonly clock: Clock,
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

  /** The files of some of its versions. */
  async versionsOf(
    manager: EntityManager,
    deploymentId: string,
    which: readonly { version: number }[],
  ): Promise<Map<number, Pick<DeploymentVersion, 'files' | 'options'>>> {
    const versions = await manager.findBy(DeploymentVersion, {
      deploymentId,
      version: In(which.map(({ version }) => version)),
    });
    return new Map(versions.map((each) => [each.version, each]));
  }

  /** Stores a deployment whose files or options have changed, as its next version. */
  async saveVersion(
    manager: EntityManager,
    deployment: Deployment,
    { isNew, actor, restores = null }: { isNew: boolean; actor: string; restores?: number | null },
  ): Promise<void> {
    if (!isNew) deployment.version += 1;
    await manager.save(Deployment, deployment);
    const { id: deploymentId, version, files, options } = deployment;
    const createdAt = this.clock.now();
    const made = { createdBy: actor, createdAt, restores };
    await manager.insert(DeploymentVersion, { deploymentId, version, files, options, ...made });
  }

  /**
   * The version to go back to: the last one before the present that says something else and was wholly laid down; where
   * that is not known of any, the last one that says something else.
   */
  async versionBefore(manager: EntityManager, { id, name, version }: Deployment): Promise<DeploymentVersion> {
    const [row] = await manager.query<{ version: number }[]>(
      `select old.version from deployment_version as old
         join deployment_version as now on now.deployment_id = old.deployment_id and now.version = $2
       where old.deployment_id = $1 and old.version < coalesce(now.restores, now.version)
         and (old.files <> now.files or old.options <> now.options)
       order by old.settled_at is not null desc, old.version desc limit 1`,
      [id, version],
    );
    if (row !== undefined)
      return manager.findOneByOrFail(DeploymentVersion, { deploymentId: id, version: row.version });
    throw new MusterError('conflict', `cannot go back: no version of ${name} before this one is another`, {
      hint: `its versions begin with the first \`muster up\``,
    });
  }

  /** Null where these files are no bundle any more: a role has gone. */
  loadedOf({ files }: Pick<Deployment, 'files'>): Pick<LoadedDeployment, 'bundle' | 'roles'> | null {
    const { bundle, roles } = loadBundle(files, this.library.roles);
    return bundle === null ? null : { bundle, roles };
  }

  /** The bundle of a deployment as it stands, compiled: its units and nodes. */
  compiled(deployment: Deployment): CompiledDeployment {
    return compileDeployment(deployment.files, this.library.roles, placeOptions(deployment.options));
  }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
