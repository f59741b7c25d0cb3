import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Generated,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  Unique,
  type Relation,
} from 'typeorm';
import { SubnetEntity } from './subnet.entity.js';

@Entity('reservation')
@Unique('reservation_subnet_address_key', ['subnetId', 'address'])
@Unique('reservation_subnet_mac_key', ['subnetId', 'mac'])
@Unique('reservation_subnet_client_id_key', ['subnetId', 'clientId'])
@Check('reservation_client_check', '("mac" IS NULL) <> ("client_id" IS NULL)')
export class ReservationEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'reservation_pkey' })
  @Generated('uuid')
  id!: string;

  @Column({ name: 'subnet_id', type: 'uuid' })
  subnetId!: string;

  @ManyToOne(() => SubnetEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'subnet_id', foreignKeyConstraintName: 'reservation_subnet_fkey' })
  subnet!: Relation<SubnetEntity>;

  /** Lower case with colons. */
  @Column({ type: 'text', nullable: true })
  mac!: string | null;

  /** Option 61 in hex. */
  @Column({ name: 'client_id', type: 'text', nullable: true })
  clientId!: string | null;

  @Column({ type: 'inet' })
  address!: string;

  @Column({ type: 'text', nullable: true })
  hostname!: string | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
