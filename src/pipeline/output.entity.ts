import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { JsonValue } from '../plan/index.js';
import { StepEntity } from './step.entity.js';

/** A value that a step published, or was given; a secret one is sealed with its row's id. */
@Entity('output')
@Index('output_name', ['stepId', 'name'], { unique: true })
@Index('output_run', ['runId'])
export class OutputEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'output_pkey' })
  id!: string;

  @Column('uuid', { name: 'run_id' })
  runId!: string;

  @Column('uuid', { name: 'step_id' })
  stepId!: string;

  @ManyToOne(() => StepEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'step_id', foreignKeyConstraintName: 'output_step_fkey' })
  step?: Relation<StepEntity>;

  @Column('text')
  name!: string;

  @Column('jsonb', { nullable: true })
  value!: JsonValue;

  @Column('text', { nullable: true })
  sealed!: string | null;

  /** It came with the plan, for the step alone: nobody is shown it, and it goes when the step has succeeded. */
  @Column('boolean', { default: false })
  given!: boolean;
}
