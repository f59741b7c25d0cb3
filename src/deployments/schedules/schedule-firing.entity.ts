import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique, type Relation } from 'typeorm';
import type { JsonObject, JsonValue } from '../../plan/index.js';
import { Schedule } from './schedule.entity.js';

export type FiringStatus = 'waiting' | 'running' | 'succeeded' | 'failed' | 'skipped';

/** One time that a schedule came due, and what became of it. A time fires once: the pair of both is unique. */
@Entity('schedule_firing')
@Unique('schedule_firing_schedule_id_due_at_key', ['scheduleId', 'dueAt'])
@Index('schedule_firing_open', ['claimedAt'], { where: `status in ('waiting', 'running')` })
export class ScheduleFiring {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'schedule_firing_pkey' })
  id!: string;

  @Column({ name: 'schedule_id', type: 'uuid' })
  scheduleId!: string;

  @ManyToOne(() => Schedule, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'schedule_id', foreignKeyConstraintName: 'schedule_firing_schedule_id_fkey' })
  schedule?: Relation<Schedule>;

  @Column({ name: 'due_at', type: 'timestamptz' })
  dueAt!: Date;

  @Column({ type: 'text' })
  status!: FiringStatus;

  /** It is the canary's turn. */
  @Column({ name: 'on_canary', type: 'boolean', default: false })
  onCanary!: boolean;

  /** Of a redeploy: which of its two runs is on. */
  @Column({ type: 'text', nullable: true })
  phase!: 'down' | 'up' | null;

  @Column({ type: 'text', nullable: true })
  reason!: string | null;

  /** The latest run that it began. */
  @Column({ name: 'run_id', type: 'uuid', nullable: true })
  runId!: string | null;

  /** Of a redeploy: the id of the deployment that was torn down, which keeps its files; and what it published. */
  @Column({ type: 'jsonb', nullable: true })
  source!: { deploymentId: string; outputs: JsonObject } | null;

  /** Of a redeploy: outputs that are others than before. */
  @Column({ type: 'jsonb', nullable: true })
  outputs!: Record<string, { before: JsonValue; after: JsonValue }> | null;

  @Column({ name: 'claimed_at', type: 'timestamptz' })
  claimedAt!: Date;

  @Column({ name: 'started_at', type: 'timestamptz', nullable: true })
  startedAt!: Date | null;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt!: Date | null;
}
