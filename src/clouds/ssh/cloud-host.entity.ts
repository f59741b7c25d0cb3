import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, Unique, type Relation } from 'typeorm';
import { Cloud } from '../cloud.entity.js';
import type { HostFacts } from './host-facts.js';

/** A host of a cloud of the kind `ssh`: somebody else installed it, and it stays when a deployment goes. */
@Entity('cloud_host')
@Unique('cloud_host_cloud_id_address_port_key', ['cloudId', 'address', 'port'])
@Index('cloud_host_claim_key', ['claim'], { unique: true })
export class CloudHost {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'cloud_host_pkey' })
  id!: string;

  @Column({ name: 'cloud_id', type: 'uuid' })
  cloudId!: string;

  @ManyToOne(() => Cloud, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'cloud_id', foreignKeyConstraintName: 'cloud_host_cloud_id_fkey' })
  cloud!: Relation<Cloud>;

  @Column({ type: 'text' })
  address!: string;

  @Column({ type: 'integer' })
  port!: number;

  @Column({ name: 'ssh_user', type: 'text' })
  user!: string;

  /** OpenSSH lines that the operator gave or confirmed, of this host or of all hosts; no other key is taken. */
  @Column({ name: 'host_keys', type: 'jsonb' })
  hostKeys!: string[];

  /** Which of them it showed when it was first spoken with: from then on no other is taken. Null: it was not yet. */
  @Column({ name: 'shown_key', type: 'text', nullable: true })
  shownKey!: string | null;

  /** What the last good check found. */
  @Column({ type: 'jsonb', nullable: true })
  facts!: HostFacts | null;

  /** Why the last check failed; null: it did not. */
  @Column({ type: 'text', nullable: true })
  problem!: string | null;

  @Column({ name: 'checked_at', type: 'timestamptz', nullable: true })
  checkedAt!: Date | null;

  /** `<deployment>/<node>`: one at a time. */
  @Column({ type: 'text', nullable: true })
  claim!: string | null;

  @Column({ name: 'deployment_id', type: 'uuid', nullable: true })
  deploymentId!: string | null;
}
