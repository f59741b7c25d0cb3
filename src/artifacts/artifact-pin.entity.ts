import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The sum that a checksum file told when an artifact was first used. From then on no other is taken. */
@Entity('artifact_pin')
@Check('artifact_pin_sha256_check', `sha256 ~ '^[0-9a-f]{64}$'`)
export class ArtifactPin {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'artifact_pin_pkey' })
  url!: string;

  @Column({ type: 'text' })
  sha256!: string;

  /** Where the sum was read. */
  @Column({ name: 'read_from', type: 'text' })
  readFrom!: string;

  @Column({ name: 'pinned_at', type: 'timestamptz' })
  pinnedAt!: Date;
}
