import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import type { JsonObject } from '../plan/index.js';
import { BootSession } from './boot-session.entity.js';

/** One line of a boot session. */
@Entity('boot_event')
@Index('boot_event_session_id_id', ['sessionId', 'id'])
export class BootEventRow {
  @PrimaryGeneratedColumn({ type: 'bigint', primaryKeyConstraintName: 'boot_event_pkey' })
  id!: string;

  @Column({ name: 'session_id', type: 'uuid' })
  sessionId!: string;

  @ManyToOne(() => BootSession, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'session_id', foreignKeyConstraintName: 'boot_event_session_id_fkey' })
  session!: Relation<BootSession>;

  @Column({ type: 'timestamptz' })
  at!: Date;

  @Column({ type: 'text' })
  stage!: string;

  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ type: 'text' })
  message!: string;

  @Column({ type: 'jsonb', default: () => "'{}'" })
  details!: JsonObject;
}
