import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { BootPurpose } from './boot-purpose.js';

/** One boot of the agent. A newer session of the same machine ends it. */
@Entity('agent_session')
@Index('agent_session_token_hash_key', ['tokenHash'], { unique: true })
@Index('agent_session_machine_id', ['machineId'])
export class AgentSession {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'agent_session_pkey' })
  id!: string;

  @Column({ name: 'machine_id', type: 'uuid' })
  machineId!: string;

  /** SHA-256 of the bearer token, hex. */
  @Column({ name: 'token_hash', type: 'text' })
  tokenHash!: string;

  @Column({ type: 'text' })
  purpose!: BootPurpose;

  /** See BootNonce.inWindow: without it no secret leaves. */
  @Column({ name: 'in_window', type: 'boolean' })
  inWindow!: boolean;

  @Column({ type: 'text', nullable: true })
  address!: string | null;

  @Column({ name: 'agent_version', type: 'text' })
  agentVersion!: string;

  @Column({ name: 'started_at', type: 'timestamptz', default: () => 'now()' })
  startedAt!: Date;

  @Column({ name: 'last_seen_at', type: 'timestamptz', default: () => 'now()' })
  lastSeenAt!: Date;

  @Column({ name: 'ended_at', type: 'timestamptz', nullable: true })
  endedAt!: Date | null;
}
