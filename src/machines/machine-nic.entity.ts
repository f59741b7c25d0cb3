import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import type { JsonObject } from '../plan/index.js';
import type { Machine } from './machine.entity.js';

/** A network card. A MAC belongs to one machine; a second one that shows it is a question for the operator. */
@Entity('machine_nic')
@Index('machine_nic_mac_key', ['mac'], { unique: true })
@Index('machine_nic_machine_id', ['machineId'])
export class MachineNic {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'machine_nic_pkey' })
  id!: string;

  @Column({ name: 'machine_id', type: 'uuid' })
  machineId!: string;

  /** By name, because the two classes hold one another. */
  @ManyToOne('Machine', 'nics', { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'machine_id', foreignKeyConstraintName: 'machine_nic_machine_id_fkey' })
  machine!: Relation<Machine>;

  /** Lower case with colons. */
  @Column({ type: 'text' })
  mac!: string;

  @Column({ type: 'text', nullable: true })
  name!: string | null;

  /** The card that it last booted from. */
  @Column({ type: 'boolean', default: false })
  boot!: boolean;

  @Column({ type: 'jsonb', default: () => "'{}'" })
  details!: JsonObject;
}
