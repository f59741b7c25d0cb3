import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Lets one deployed machine fetch its cloud-init documents and say that it is up; dead after that or after its window. */
@Entity('metadata_token')
@Index('metadata_token_hash_key', ['hash'], { unique: true })
@Index('metadata_token_machine_id', ['machineId'])
export class MetadataToken {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'metadata_token_pkey' })
  id!: string;

  /** SHA-256 of the token, hex. */
  @Column({ type: 'text' })
  hash!: string;

  @Column({ name: 'machine_id', type: 'uuid' })
  machineId!: string;

  /** Sealed JSON of the NoCloud documents. */
  @Column({ type: 'text' })
  seed!: string;

  /** The address that used it first; no other may. */
  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  /** When the machine phoned home. */
  @Column({ name: 'used_at', type: 'timestamptz', nullable: true })
  usedAt!: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;
}
