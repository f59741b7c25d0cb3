import { Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';
import type { OrderKind } from './agent-orders.js';

export type OrderStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** An agent's answer as it is kept; its output is still to be checked by who reads it. */
export type StoredResult =
  { ok: true; output: Record<string, unknown> } | { ok: false; error: string; failure: 'transient' | 'permanent' };

/** One thing the agent of a machine is told to do. */
@Entity('agent_order')
@Index('agent_order_key_key', ['key'], { unique: true })
@Index('agent_order_machine_id_status', ['machineId', 'status'])
export class AgentOrder {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'agent_order_pkey' })
  id!: string;

  @Column({ name: 'machine_id', type: 'uuid' })
  machineId!: string;

  /** Who wants it, so that asking twice makes one order: a step's execution id and what of it. */
  @Column({ type: 'text' })
  key!: string;

  /** Given in the order of this number. */
  @Column({ type: 'bigint', generated: 'increment' })
  sequence!: string;

  @Column({ type: 'text' })
  kind!: OrderKind;

  /** Sealed JSON: user-data may hold secrets. */
  @Column({ type: 'text' })
  parameters!: string;

  @Column({ name: 'timeout_seconds', type: 'integer' })
  timeoutSeconds!: number;

  @Column({ type: 'text', default: 'pending' })
  status!: OrderStatus;

  /** The session that it was last given to. */
  @Column({ name: 'session_id', type: 'uuid', nullable: true })
  sessionId!: string | null;

  @Column({ type: 'integer', default: 0 })
  percent!: number;

  @Column({ type: 'text', default: '' })
  message!: string;

  @Column({ type: 'jsonb', nullable: true })
  result!: StoredResult | null;

  @Column({ name: 'created_at', type: 'timestamptz', default: () => 'now()' })
  createdAt!: Date;

  @Column({ name: 'issued_at', type: 'timestamptz', nullable: true })
  issuedAt!: Date | null;

  /** The last sign of life: progress, log or result. */
  @Column({ name: 'active_at', type: 'timestamptz', nullable: true })
  activeAt!: Date | null;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt!: Date | null;
}
