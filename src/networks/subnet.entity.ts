import {
  Column,
  CreateDateColumn,
  Entity,
  Exclusion,
  PrimaryColumn,
  Unique,
  UpdateDateColumn,
  VersionColumn,
  Generated,
} from 'typeorm';
import type { SubnetMode, UnknownMachines } from './subnet.js';

/** Two subnets never overlap: the database itself refuses it, whoever writes at once. */
@Entity('subnet')
@Unique('subnet_name_key', ['name'])
@Exclusion('subnet_overlap_excl', 'USING gist ("cidr" inet_ops WITH &&)')
export class SubnetEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'subnet_pkey' })
  @Generated('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'cidr' })
  cidr!: string;

  @Column({ type: 'inet', nullable: true })
  gateway!: string | null;

  @Column({ type: 'jsonb', default: [] })
  dns!: string[];

  @Column({ type: 'text' })
  mode!: SubnetMode;

  /** `10.0.0.10-10.0.0.99` each. */
  @Column({ name: 'dynamic_ranges', type: 'jsonb', default: [] })
  dynamicRanges!: string[];

  @Column({ name: 'reserved_ranges', type: 'jsonb', default: [] })
  reservedRanges!: string[];

  @Column({ type: 'integer', nullable: true })
  vlan!: number | null;

  @Column({ name: 'lease_seconds', type: 'integer' })
  leaseSeconds!: number;

  @Column({ type: 'text', nullable: true })
  space!: string | null;

  @Column({ name: 'unknown_machines', type: 'text' })
  unknownMachines!: UnknownMachines;

  /** Values in hex. */
  @Column({ type: 'jsonb', default: [] })
  options!: { code: number; hex: string }[];

  @VersionColumn({ type: 'integer' })
  version!: number;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz' })
  updatedAt!: Date;
}
