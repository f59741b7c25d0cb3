import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn, Unique } from 'typeorm';

/** An LXD elsewhere, as it is reached; what is secret of it is sealed apart. */
export interface LxdCloudConfig {
  url: string;
  /** PEM. */
  serverCertificate: string;
  /** PEM: ours, which it trusts. */
  certificate: string;
  project: string;
  bridge: string;
  address: string;
  pool: string;
  poolDriver: 'dir' | 'btrfs' | 'zfs' | 'lvm';
}

/** Hosts that one has: with which key muster logs in. */
export interface SshCloudConfig {
  publicKey: string;
}

/** A source of nodes that somebody added: `metal` and `localhost` need no record. */
@Entity('cloud')
@Unique('cloud_name_key', ['name'])
export class Cloud {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'cloud_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  kind!: 'ssh' | 'lxd';

  @Column({ type: 'jsonb' })
  config!: LxdCloudConfig | SshCloudConfig;

  /** The private key, sealed: of the client certificate (lxd), or for SSH. */
  @Column({ name: 'private_key', type: 'text' })
  privateKey!: string;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
