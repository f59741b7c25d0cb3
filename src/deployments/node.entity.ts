import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryGeneratedColumn, type Relation } from 'typeorm';
import type { Constraints } from '../bundles/index.js';
import { Deployment } from './deployment.entity.js';

/** Anything that a unit can be placed on and that answers SSH. */
@Entity('node')
@Index('node_deployment_id_key_key', ['deploymentId', 'key'], { unique: true, where: 'removed_at is null' })
export class Node {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'node_pkey' })
  id!: string;

  @Column({ name: 'deployment_id', type: 'uuid' })
  deploymentId!: string;

  @ManyToOne(() => Deployment, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'deployment_id', foreignKeyConstraintName: 'node_deployment_id_fkey' })
  deployment!: Relation<Deployment>;

  /** Its name in the bundle: `0`. */
  @Column({ type: 'text' })
  key!: string;

  /** For people and for DNS: the machine's or container's own name. */
  @Column({ type: 'text' })
  name!: string;

  /** Ours, where the cloud is `metal`. */
  @Column({ name: 'machine_id', type: 'uuid', nullable: true })
  machineId!: string | null;

  /** The node that it is a container on, and is reached through. */
  @Column({ name: 'host_node_id', type: 'uuid', nullable: true })
  hostNodeId!: string | null;

  @ManyToOne(() => Node, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'host_node_id', foreignKeyConstraintName: 'node_host_node_id_fkey' })
  hostNode!: Relation<Node> | null;

  /** Key of the node that it is a copy of; null: the bundle names it. */
  @Column({ name: 'clone_of', type: 'text', nullable: true })
  cloneOf!: string | null;

  /** What it was made with, as `debian@12`; null: nobody knows any more, or it is a clone. */
  @Column({ type: 'text', nullable: true })
  base!: string | null;

  /** What was asked of it when it was made; null where `base` is. */
  @Column({ type: 'jsonb', nullable: true })
  constraints!: Constraints | null;

  /** As Debian names it: `amd64`. */
  @Column({ type: 'text' })
  architecture!: string;

  @Column({ type: 'text' })
  address!: string;

  /** Where SSH reaches it, where that is not its address: a container behind its host. */
  @Column({ name: 'ssh_host', type: 'text', nullable: true })
  sshHost!: string | null;

  @Column({ name: 'ssh_port', type: 'integer', default: 22 })
  sshPort!: number;

  @Column({ name: 'ssh_user', type: 'text', default: 'root' })
  sshUser!: string;

  /** OpenSSH public key lines; no other host key is taken. */
  @Column({ name: 'host_keys', type: 'jsonb' })
  hostKeys!: string[];

  @Column({ name: 'ready_at', type: 'timestamptz' })
  readyAt!: Date;

  @Column({ name: 'removed_at', type: 'timestamptz', nullable: true })
  removedAt!: Date | null;
}
