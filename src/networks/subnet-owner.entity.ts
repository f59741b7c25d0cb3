import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { SubnetEntity } from './subnet.entity.js';

/** Which boot server answers on a subnet. */
@Entity('subnet_owner')
export class SubnetOwnerEntity {
  @PrimaryColumn({ name: 'subnet_id', type: 'uuid', primaryKeyConstraintName: 'subnet_owner_pkey' })
  subnetId!: string;

  @ManyToOne(() => SubnetEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'subnet_id', foreignKeyConstraintName: 'subnet_owner_subnet_fkey' })
  subnet!: Relation<SubnetEntity>;

  @Column({ name: 'server_id', type: 'text' })
  serverId!: string;

  /** Rises with every change of owner. */
  @Column({ type: 'bigint' })
  fence!: string;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;
}
