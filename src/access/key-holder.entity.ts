import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A running process of muster, and the keys that it has loaded. */
@Entity('key_holder')
export class KeyHolder {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'key_holder_pkey' })
  id!: string;

  /** For people: `api+worker on rack1, process 4711`. */
  @Column({ type: 'text' })
  name!: string;

  /** The first seals. */
  @Column({ name: 'key_ids', type: 'text', array: true })
  keyIds!: string[];

  @Column({ name: 'seen_at', type: 'timestamptz', default: () => 'now()' })
  seenAt!: Date;
}
