import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { JsonObject } from '../plan/index.js';

/**
 * Something that happened. `id` says the order of insertion and is nobody's business; `number` is given after the
 * commit, by one sequencer at a time, so that a reader who saw number n has seen everything below it.
 */
@Entity('event')
@Index('event_number', ['number'], { unique: true })
@Index('event_unnumbered', ['id'], { where: 'number is null' })
@Index('event_run', ['runId', 'number'])
export class EventEntity {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'event_pkey',
  })
  id!: string;

  @Column('bigint', { nullable: true })
  number!: string | null;

  @Column('timestamptz')
  at!: Date;

  /** `run.started`, `step.failed`. */
  @Column('text')
  kind!: string;

  @Column('text')
  message!: string;

  @Column('uuid', { name: 'run_id', nullable: true })
  runId!: string | null;

  @Column('uuid', { name: 'step_id', nullable: true })
  stepId!: string | null;

  @Column('text', { name: 'subject_kind', nullable: true })
  subjectKind!: string | null;

  @Column('text', { name: 'subject_id', nullable: true })
  subjectId!: string | null;

  @Column('jsonb')
  data!: JsonObject;
}
