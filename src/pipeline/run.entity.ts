import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { JsonObject } from '../plan/index.js';
import type { RunStatus } from './status.js';

/** One execution of a plan. It outlives its subject: the record stays when a machine or a deployment goes. */
@Entity('run')
@Index('run_one_mutating', ['subjectKind', 'subjectId'], {
  unique: true,
  where: "mutating and status in ('running', 'paused')",
})
@Index('run_subject', ['subjectKind', 'subjectId', 'createdAt'])
@Index('run_open', ['createdAt'], { where: "status in ('queued', 'running', 'paused')" })
export class RunEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'run_pkey' })
  id!: string;

  /** `machine` or `deployment`. */
  @Column('text', { name: 'subject_kind' })
  subjectKind!: string;

  @Column('text', { name: 'subject_id' })
  subjectId!: string;

  /** `up`, `commission`, `release`. */
  @Column('text')
  action!: string;

  @Column('text')
  title!: string;

  /** Who asked for it. */
  @Column('text')
  actor!: string;

  @Column('text')
  status!: RunStatus;

  /** Why it failed, was cancelled, or waits. */
  @Column('text', { nullable: true })
  reason!: string | null;

  /** The submitter's own notes. */
  @Column('jsonb')
  context!: JsonObject;

  /** At most one mutating run of a subject is active, by the index `run_one_mutating`. */
  @Column('boolean')
  mutating!: boolean;

  /** The version of the subject's state that the plan was compiled from. */
  @Column('text', { name: 'based_on', nullable: true })
  basedOn!: string | null;

  @Column('integer', { name: 'steps_at_once', nullable: true })
  stepsAtOnce!: number | null;

  /** Cancelling was asked for; it is done when nothing is in flight. */
  @Column('boolean')
  cancelling!: boolean;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}
