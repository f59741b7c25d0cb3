import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { Machine } from './machine.entity.js';

/** What a machine's power driver said last. Apart from the machine: a look each minute is no change of it. */
@Entity('power_reading')
@Check('power_reading_state_check', `state in ('on', 'off', 'unknown')`)
export class PowerReading {
  @PrimaryColumn({ name: 'machine_id', type: 'uuid', primaryKeyConstraintName: 'power_reading_pkey' })
  machineId!: string;

  @ManyToOne('Machine', { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'machine_id', foreignKeyConstraintName: 'power_reading_machine_id_fkey' })
  machine!: Relation<Machine>;

  @Column({ type: 'text', default: 'unknown' })
  state!: 'on' | 'off' | 'unknown';

  @Column({ name: 'read_at', type: 'timestamptz' })
  readAt!: Date;
}
