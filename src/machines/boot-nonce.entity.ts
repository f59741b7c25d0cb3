import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { BootPurpose } from './boot-purpose.js';

/** One boot script's nonce, by its hash alone. Good for repeated fetches until it is exchanged, once, for a session. */
@Entity('boot_nonce')
@Index('boot_nonce_hash_key', ['hash'], { unique: true })
@Index('boot_nonce_expires_at', ['expiresAt'])
@Index('boot_nonce_mac', ['mac'])
export class BootNonce {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'boot_nonce_pkey' })
  id!: string;

  /** SHA-256 of the nonce, hex. */
  @Column({ type: 'text' })
  hash!: string;

  /** Null: an unknown machine, to be enlisted. */
  @Column({ name: 'machine_id', type: 'uuid', nullable: true })
  machineId!: string | null;

  @Column({ type: 'text' })
  mac!: string;

  @Column({ type: 'text' })
  purpose!: BootPurpose;

  /** `amd64`, `arm64`: which memory environment its URLs stand for. */
  @Column({ type: 'text' })
  architecture!: string;

  /** Minted while a window opened by muster's own power-on was open. */
  @Column({ name: 'in_window', type: 'boolean' })
  inWindow!: boolean;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt!: Date;

  @Column({ name: 'used_at', type: 'timestamptz', nullable: true })
  usedAt!: Date | null;
}
