import { Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';

export type ScheduleAction = 'redeploy' | 'apply' | 'verify' | 'upgrade' | 'down' | 'up';
/** What becomes of a time that comes while another run is at work on the deployment. */
export type OverlapPolicy = 'skip' | 'queue' | 'replace';
/** What becomes of times that went by while nobody was there to see them. */
export type MissedPolicy = 'skip' | 'once';

/** A cron line with a time zone, an action on a deployment, and policies. When it is due next stands here alone. */
@Entity('schedule')
@Unique('schedule_name_key', ['name'])
@Index('schedule_next_at', ['nextAt'], { where: 'paused_at is null' })
export class Schedule {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'schedule_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  /** By name: it may be torn down and laid again. */
  @Column({ type: 'text' })
  deployment!: string;

  @Column({ type: 'text' })
  cron!: string;

  @Column({ name: 'time_zone', type: 'text' })
  timeZone!: string;

  @Column({ type: 'text' })
  action!: ScheduleAction;

  @Column({ type: 'text' })
  overlap!: OverlapPolicy;

  @Column({ type: 'text' })
  missed!: MissedPolicy;

  /** The window: it may still begin this long after its time. */
  @Column({ name: 'start_within_seconds', type: 'integer' })
  startWithinSeconds!: number;

  /** It is cancelled when it has taken this long. */
  @Column({ name: 'longest_seconds', type: 'integer', nullable: true })
  longestSeconds!: number | null;

  /** Paused after so many failures in a row. */
  @Column({ name: 'stop_after_failures', type: 'integer', nullable: true })
  stopAfterFailures!: number | null;

  /** Name of the deployment to which it is done first. */
  @Column({ type: 'text', nullable: true })
  canary!: string | null;

  @Column({ type: 'integer', default: 0 })
  failures!: number;

  /** The bundle says it: it goes when the bundle says it no longer. */
  @Column({ name: 'from_bundle', type: 'boolean', default: false })
  fromBundle!: boolean;

  @Column({ name: 'next_at', type: 'timestamptz' })
  nextAt!: Date;

  @Column({ name: 'paused_at', type: 'timestamptz', nullable: true })
  pausedAt!: Date | null;

  @Column({ name: 'paused_reason', type: 'text', nullable: true })
  pausedReason!: string | null;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
