import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { BundleFile } from '../bundles/index.js';
import { Deployment, type DeploymentOptions } from './deployment.entity.js';

/** The files of a deployment as they were at each change: for removing what an older one laid, and for going back. */
@Entity('deployment_version')
export class DeploymentVersion {
  @PrimaryColumn({ name: 'deployment_id', type: 'uuid', primaryKeyConstraintName: 'deployment_version_pkey' })
  deploymentId!: string;

  @ManyToOne(() => Deployment, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'deployment_id', foreignKeyConstraintName: 'deployment_version_deployment_id_fkey' })
  deployment?: Relation<Deployment>;

  @PrimaryColumn({ type: 'integer', primaryKeyConstraintName: 'deployment_version_pkey' })
  version!: number;

  @Column({ type: 'jsonb' })
  files!: BundleFile[];

  @Column({ type: 'jsonb' })
  options!: DeploymentOptions;

  /** The earlier version that this one went back to. */
  @Column({ type: 'integer', nullable: true })
  restores!: number | null;

  /** When a run had laid all of it down; null: none has, or that is not known. */
  @Column({ name: 'settled_at', type: 'timestamptz', nullable: true })
  settledAt!: Date | null;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
