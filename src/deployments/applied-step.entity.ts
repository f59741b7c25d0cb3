import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Deployment } from './deployment.entity.js';
import { Node } from './node.entity.js';

/**
 * A step of a unit that has succeeded (or that a person has left out), and what it was run with; or one that has begun,
 * and never succeeded. It is there as long as the unit is.
 */
@Entity('applied_step')
export class AppliedStepEntity {
  @PrimaryColumn({ name: 'deployment_id', type: 'uuid', primaryKeyConstraintName: 'applied_step_pkey' })
  deploymentId!: string;

  @ManyToOne(() => Deployment, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'deployment_id', foreignKeyConstraintName: 'applied_step_deployment_id_fkey' })
  deployment?: Relation<Deployment>;

  /** `etcd/0`. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'applied_step_pkey' })
  unit!: string;

  /** Its name in the role: `configure`. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'applied_step_pkey' })
  step!: string;

  @Column({ name: 'node_id', type: 'uuid' })
  nodeId!: string;

  @ManyToOne(() => Node, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'node_id', foreignKeyConstraintName: 'applied_step_node_id_fkey' })
  node?: Relation<Node>;

  /** Of the deployment's files: how to remove it is written there. */
  @Column({ type: 'integer' })
  version!: number;

  /** Of scripts, options and values as they were resolved; null while it is to run again, or has not succeeded yet. */
  @Column({ type: 'text', nullable: true })
  digest!: string | null;

  /** The digest that it had before it was to run again. */
  @Column({ type: 'text', nullable: true })
  doubted!: string | null;

  /** Why a person left its last run out; null: it ran. */
  @Column({ type: 'text', nullable: true })
  skipped!: string | null;

  /** The pipeline's step, which keeps what was published. */
  @Column({ name: 'step_id', type: 'uuid' })
  stepId!: string;

  @Column({ name: 'applied_at', type: 'timestamptz' })
  appliedAt!: Date;
}
