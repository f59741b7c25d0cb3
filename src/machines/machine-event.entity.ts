import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { JsonObject } from '../plan/index.js';

/** `question`: someone should look and decide. `alert`: someone may be attacking. */
export type EventLevel = 'info' | 'warning' | 'question' | 'alert';

/** What happened to a machine, in order; kept when the machine is deleted. */
@Entity('machine_event')
@Index('machine_event_machine_id_id', ['machineId', 'id'])
export class MachineEvent {
  @PrimaryGeneratedColumn({ type: 'bigint', primaryKeyConstraintName: 'machine_event_pkey' })
  id!: string;

  /** Null where no machine is known (a replayed nonce of nobody). */
  @Column({ name: 'machine_id', type: 'uuid', nullable: true })
  machineId!: string | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  /** `state`, `enlisted`, `accepted`, `mac-conflict`, `nonce-replayed` … */
  @Column({ type: 'text' })
  kind!: string;

  @Column({ type: 'text', default: 'info' })
  level!: EventLevel;

  @Column({ type: 'text' })
  message!: string;

  @Column({ type: 'jsonb', default: () => "'{}'" })
  details!: JsonObject;

  /** Who: an operator's name, `muster`, or `machine`. */
  @Column({ type: 'text' })
  actor!: string;
}
