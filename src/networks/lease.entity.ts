import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import type { LeaseState } from './lease.js';
import { SubnetEntity } from './subnet.entity.js';

/** A lease as the owner of its subnet replayed it from its journal: the record, not what the packet path reads. */
@Entity('lease')
@Index('lease_mac_idx', ['mac'])
export class LeaseEntity {
  @PrimaryColumn({ name: 'subnet_id', type: 'uuid', primaryKeyConstraintName: 'lease_pkey' })
  subnetId!: string;

  @PrimaryColumn({ type: 'inet', primaryKeyConstraintName: 'lease_pkey' })
  address!: string;

  @ManyToOne(() => SubnetEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'subnet_id', foreignKeyConstraintName: 'lease_subnet_fkey' })
  subnet!: Relation<SubnetEntity>;

  /** `mac:…`, `uuid:…` or `id:…`: what the lease belongs to through the whole boot chain. */
  @Column({ type: 'text' })
  key!: string;

  @Column({ type: 'text', nullable: true })
  mac!: string | null;

  @Column({ type: 'text', nullable: true })
  uuid!: string | null;

  @Column({ name: 'client_id', type: 'text', nullable: true })
  clientId!: string | null;

  @Column({ type: 'text', nullable: true })
  hostname!: string | null;

  @Column({ type: 'text' })
  state!: LeaseState;

  @Column({ name: 'granted_at', type: 'timestamptz' })
  grantedAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** Of the owner that granted it. */
  @Column({ type: 'bigint' })
  fence!: string;
}
