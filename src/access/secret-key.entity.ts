import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A key-encryption key, by its id alone; the key itself is in the key file. */
@Entity('secret_key')
@Check('secret_key_state_check', `state in ('current', 'closed', 'retired')`)
@Index('secret_key_current_key', ['state'], { unique: true, where: `state = 'current'` })
export class SecretKey {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'secret_key_pkey' })
  id!: string;

  /** `current` seals; nothing more is sealed under a `closed` one; nothing is left under a `retired` one. */
  @Column({ type: 'text' })
  state!: 'current' | 'closed' | 'retired';

  @Column({ type: 'timestamptz', default: () => 'now()' })
  since!: Date;
}
