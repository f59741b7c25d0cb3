import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { AccessRole } from './principal.js';

/** A token for the API. The token itself is shown once, when it is made; here is a hash of it. */
@Entity('access_token')
export class AccessToken {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'access_token_pkey' })
  id!: string;

  /** The part of the token that finds this row; not secret. */
  @Index('access_token_key_unique', { unique: true })
  @Column({ type: 'text' })
  key!: string;

  /** SHA-256 of the secret part, in hex. */
  @Column({ name: 'secret_hash', type: 'text' })
  secretHash!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  role!: AccessRole;

  /** The one resource pool that it may touch; null: all. */
  @Column({ type: 'text', nullable: true })
  pool!: string | null;

  /** The name of the token that made it. */
  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  /** Null: does not expire. */
  @Column({ name: 'expires_at', type: 'timestamptz', nullable: true })
  expiresAt!: Date | null;

  @Column({ name: 'revoked_at', type: 'timestamptz', nullable: true })
  revokedAt!: Date | null;

  /** To the minute. */
  @Column({ name: 'last_used_at', type: 'timestamptz', nullable: true })
  lastUsedAt!: Date | null;
}
