import type { Setting } from '../bundles/index.js';
import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { BundleFile } from '../bundles/index.js';

/** A bundle as it lives on a cloud under a name. The record stays when the deployment is taken down. */
@Entity('deployment')
@Index('deployment_name_key', ['name'], { unique: true, where: 'removed_at is null' })
export class Deployment {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'deployment_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  /** `metal`, `localhost` … */
  @Column({ type: 'text' })
  cloud!: string;

  /** The name in the bundle. */
  @Column({ type: 'text' })
  bundle!: string;

  /** The bundle as it was given, with its overlays, what they include and its own roles: it compiles from these alone. */
  @Column({ type: 'jsonb' })
  files!: BundleFile[];

  /** What was asked for besides the bundle. */
  @Column({ type: 'jsonb', default: () => "'{}'" })
  options!: DeploymentOptions;

  /** Rises with every change; a plan compiled from an older one is compiled again, not run. */
  @Column({ type: 'integer', default: 1 })
  version!: number;

  /** The client key for its nodes: OpenSSH public line, and the private half sealed. */
  @Column({ name: 'ssh_public_key', type: 'text' })
  sshPublicKey!: string;

  @Column({ name: 'ssh_private_key', type: 'text' })
  sshPrivateKey!: string;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @Column({ name: 'removed_at', type: 'timestamptz', nullable: true })
  removedAt!: Date | null;
}

export interface DeploymentOptions {
  /** Disk layout of metal nodes. */
  layout?: 'flat' | 'lvm';
  /** Instead of the bundle's base: `debian@12`. */
  base?: string;
  /** What was set over the bundle since the last `up`; the last of the files says it. */
  settings?: Setting[];
}
