import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { StepEntity } from './step.entity.js';

/** One try of a step. */
@Entity('attempt')
export class AttemptEntity {
  @PrimaryColumn('uuid', { name: 'step_id', primaryKeyConstraintName: 'attempt_pkey' })
  stepId!: string;

  @ManyToOne(() => StepEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'step_id', foreignKeyConstraintName: 'attempt_step_fkey' })
  step?: Relation<StepEntity>;

  @PrimaryColumn('integer', { primaryKeyConstraintName: 'attempt_pkey' })
  number!: number;

  @Column('uuid', { name: 'execution_id' })
  executionId!: string;

  /** The fence that its last word came with. */
  @Column('integer')
  fence!: number;

  /** The worker that took it first. */
  @Column('text')
  worker!: string;

  @Column('timestamptz', { name: 'started_at' })
  startedAt!: Date;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;

  @Column('text', { nullable: true })
  outcome!: 'succeeded' | 'failed' | 'cancelled' | null;

  @Column('text', { nullable: true })
  failure!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('integer', { name: 'exit_code', nullable: true })
  exitCode!: number | null;

  /** Where its part of the step's log begins, in bytes. */
  @Column('bigint', { name: 'log_start' })
  logStart!: string;
}

/** A piece of a step's log, stored as it arrived. */
@Entity('log_chunk')
export class LogChunkEntity {
  @PrimaryColumn('uuid', { name: 'step_id', primaryKeyConstraintName: 'log_chunk_pkey' })
  stepId!: string;

  @ManyToOne(() => StepEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'step_id', foreignKeyConstraintName: 'log_chunk_step_fkey' })
  step?: Relation<StepEntity>;

  /** Offset of its first byte in the step's log. */
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'log_chunk_pkey' })
  start!: string;

  @Column('integer')
  attempt!: number;

  @Column('timestamptz')
  at!: Date;

  @Column('text')
  text!: string;
}
