import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Everything seen of one machine from its first DISCOVER on, until it is up or stops. */
@Entity('boot_session')
@Index('boot_session_mac_last_at', ['mac', 'lastAt'])
@Index('boot_session_machine_id_last_at', ['machineId', 'lastAt'])
export class BootSession {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'boot_session_pkey' })
  id!: string;

  @Column({ name: 'machine_id', type: 'uuid', nullable: true })
  machineId!: string | null;

  @Column({ type: 'text' })
  mac!: string;

  @Column({ type: 'text', nullable: true })
  uuid!: string | null;

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt!: Date;

  @Column({ name: 'last_at', type: 'timestamptz' })
  lastAt!: Date;

  /** The furthest stage reached. */
  @Column({ type: 'text' })
  stage!: string;
}
