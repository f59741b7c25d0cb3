import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { JsonObject } from '../plan/index.js';
import { RunEntity } from './run.entity.js';
import type { StepStatus } from './status.js';

/** One vertex of a run's plan, and the present execution of it. */
@Entity('step')
@Index('step_key', ['runId', 'key'], { unique: true })
@Index('step_run_status', ['runId', 'status', 'position'])
@Index('step_ring', ['ringAt'], { where: "status in ('queued', 'running')" })
@Index('step_lane', ['laneKey'], { unique: true, where: "status in ('queued', 'running')" })
@Index('step_destructive', ['runId'], { where: "destructive and status in ('queued', 'running')" })
@Index('step_history', ['kind', 'finishedAt'], { where: "status = 'succeeded'" })
export class StepEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'step_pkey' })
  id!: string;

  @Column('uuid', { name: 'run_id' })
  runId!: string;

  @ManyToOne(() => RunEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'run_id', foreignKeyConstraintName: 'step_run_fkey' })
  run?: Relation<RunEntity>;

  /** Its place in the plan; ties between ready steps are broken by it. */
  @Column('integer')
  position!: number;

  @Column('text')
  key!: string;

  @Column('text')
  kind!: string;

  @Column('text')
  title!: string;

  @Column('text', { nullable: true })
  lane!: string | null;

  /** The lane within its subject; one step of it is in flight at a time, by the index `step_lane`. */
  @Column('text', { name: 'lane_key', nullable: true })
  laneKey!: string | null;

  @Column('jsonb')
  input!: JsonObject;

  @Column('integer', { name: 'timeout_seconds' })
  timeoutSeconds!: number;

  @Column('integer', { name: 'stall_seconds' })
  stallSeconds!: number;

  @Column('integer')
  retries!: number;

  @Column('boolean')
  repeatable!: boolean;

  @Column('boolean')
  destructive!: boolean;

  /** Where it fails for good it becomes `skipped`, with the reason. */
  @Column('boolean', { name: 'may_fail', default: false })
  mayFail!: boolean;

  @Column('text')
  status!: StepStatus;

  /** Predecessors that have neither succeeded nor been skipped. */
  @Column('integer')
  pending!: number;

  @Column('uuid', { name: 'execution_id', nullable: true })
  executionId!: string | null;

  /** Rises with every delivery that a worker takes; every write of a worker is conditional on it. */
  @Column('integer')
  fence!: number;

  @Column('integer')
  attempt!: number;

  /** Transient failures since the step was last started by a person. */
  @Column('integer')
  failures!: number;

  @Column('integer')
  delivery!: number;

  /** How often the bell was rung in vain since the last sign of a worker. */
  @Column('integer')
  rings!: number;

  /** When the sweeper rings, if nothing has happened until then. */
  @Column('timestamptz', { name: 'ring_at', nullable: true })
  ringAt!: Date | null;

  /** Not to be taken before this. */
  @Column('timestamptz', { name: 'not_before', nullable: true })
  notBefore!: Date | null;

  @Column('timestamptz', { name: 'lease_until', nullable: true })
  leaseUntil!: Date | null;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner!: string | null;

  /** The handler's notes. */
  @Column('jsonb')
  state!: JsonObject;

  @Column('integer')
  percent!: number;

  @Column('text', { nullable: true })
  message!: string | null;

  @Column('text', { nullable: true })
  failure!: string | null;

  @Column('text', { nullable: true })
  reason!: string | null;

  @Column('text', { nullable: true })
  hint!: string | null;

  @Column('text', { nullable: true })
  note!: string | null;

  @Column('bigint', { name: 'log_bytes' })
  logBytes!: string;

  /** How many bytes of the log on the node (or the agent) are stored. */
  @Column('bigint', { name: 'log_source' })
  logSource!: string;

  @Column('boolean', { name: 'log_capped' })
  logCapped!: boolean;

  @Column('integer', { name: 'cancel_tries' })
  cancelTries!: number;

  @Column('timestamptz', { name: 'execution_started_at', nullable: true })
  executionStartedAt!: Date | null;

  /** Null between attempts. */
  @Column('timestamptz', { name: 'attempt_started_at', nullable: true })
  attemptStartedAt!: Date | null;

  @Column('timestamptz', { name: 'started_at', nullable: true })
  startedAt!: Date | null;

  /** The last output or progress mark. */
  @Column('timestamptz', { name: 'last_sign_at', nullable: true })
  lastSignAt!: Date | null;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt!: Date | null;
}

/** `before` must have succeeded, or been skipped, before `after` starts. */
@Entity('step_edge')
export class StepEdgeEntity {
  @PrimaryColumn('uuid', { name: 'before_id', primaryKeyConstraintName: 'step_edge_pkey' })
  beforeId!: string;

  @PrimaryColumn('uuid', { name: 'after_id', primaryKeyConstraintName: 'step_edge_pkey' })
  @Index('step_edge_after')
  afterId!: string;

  @ManyToOne(() => StepEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'before_id', foreignKeyConstraintName: 'step_edge_before_fkey' })
  before?: Relation<StepEntity>;

  @ManyToOne(() => StepEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'after_id', foreignKeyConstraintName: 'step_edge_after_fkey' })
  after?: Relation<StepEntity>;
}
