import { randomUUID } from 'node:crypto';
import { type DataSource, type EntityManager, QueryFailedError } from 'typeorm';
import { MusterError } from '../error.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { Cloud, type LxdCloudConfig, type SshCloudConfig } from './cloud.entity.js';
import { CloudHost } from './ssh/cloud-host.entity.js';

export interface NewHost {
  address: string;
  port: number;
  user: string;
  hostKeys: string[];
}

export type NewCloud = { name: string; privateKey: string; createdBy: string } & (
  { kind: 'ssh'; config: SshCloudConfig; hosts: NewHost[] } | { kind: 'lxd'; config: LxdCloudConfig }
);

/** These need no record, and no record may take their names. */
export const BUILT_IN = ['metal', 'localhost'] as const;

/** The clouds in the database. */
export class CloudRecords {
  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: SecretBox,
  ) {}

  list(): Promise<Cloud[]> {
    return this.dataSource.getRepository(Cloud).find({ order: { name: 'asc' } });
  }

  async get(name: string): Promise<Cloud> {
    const cloud = await this.dataSource.getRepository(Cloud).findOneBy({ name });
    if (cloud !== null) return cloud;
    const known = [...BUILT_IN, ...(await this.list()).map((each) => each.name)];
    throw new MusterError('invalid', `cannot use a cloud named "${name}"`, { hint: `known are ${known.join(', ')}` });
  }

  async add(manager: EntityManager, wanted: NewCloud): Promise<Cloud> {
    const { name, kind, config, createdBy } = wanted;
    if ((BUILT_IN as readonly string[]).includes(name)) {
      throw new MusterError('conflict', `cannot add a cloud named ${name}: that one is there always`);
    }
    const id = randomUUID();
    const privateKey = this.secrets.seal(wanted.privateKey, id);
    const cloud = await manager
      .save(Object.assign(new Cloud(), { id, name, kind, config, createdBy, privateKey }))
      .catch((error: unknown) => {
        if (!(error instanceof QueryFailedError) || !/cloud_name_key/.test(error.message)) throw error;
        throw new MusterError('conflict', `cannot add ${name}: there is a cloud of that name`);
      });
    if (wanted.kind === 'ssh') {
      const hosts = wanted.hosts.map((host) => Object.assign(new CloudHost(), { ...host, cloudId: id }));
      await manager.save(CloudHost, hosts);
    }
    return cloud;
  }

  /** Throws `conflict` while a deployment is on it. */
  async remove(manager: EntityManager, cloud: Cloud): Promise<void> {
    const used = await manager.query<{ name: string }[]>(
      'select name from deployment where cloud = $1 and removed_at is null order by name',
      [cloud.name],
    );
    if (used.length > 0) {
      const names = used.map(({ name }) => name).join(', ');
      throw new MusterError(
        'conflict',
        `cannot remove ${cloud.name}: ${names} ${used.length === 1 ? 'is' : 'are'} on it`,
        {
          hint: 'muster down',
        },
      );
    }
    await manager.delete(Cloud, { id: cloud.id });
  }

  openKey(cloud: Cloud): string {
    return this.secrets.open(cloud.privateKey, cloud.id);
  }
}
