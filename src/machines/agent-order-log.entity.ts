import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { AgentOrder } from './agent-order.entity.js';

/** A piece of an order's log. Sent twice, it is stored once: its place is its key. */
@Entity('agent_order_log')
export class AgentOrderLog {
  @PrimaryColumn({ name: 'order_id', type: 'uuid', primaryKeyConstraintName: 'agent_order_log_pkey' })
  orderId!: string;

  @ManyToOne(() => AgentOrder, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'order_id', foreignKeyConstraintName: 'agent_order_log_order_id_fkey' })
  order!: Relation<AgentOrder>;

  @PrimaryColumn({ name: 'offset_bytes', type: 'integer', primaryKeyConstraintName: 'agent_order_log_pkey' })
  offsetBytes!: number;

  @Column({ type: 'text' })
  content!: string;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
