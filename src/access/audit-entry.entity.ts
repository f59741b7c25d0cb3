import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One change, or one refused change. Rows are only ever added; a trigger refuses anything else. */
@Entity('audit_entry')
export class AuditEntry {
  /** 1, 2, 3 … without gaps. */
  @PrimaryColumn({
    type: 'bigint',
    primaryKeyConstraintName: 'audit_entry_pkey',
    transformer: { to: (value: number) => value, from: (value: string) => Number(value) },
  })
  sequence!: number;

  @Column({ type: 'timestamptz' })
  at!: Date;

  /** The token's name, or `muster` itself. */
  @Column({ type: 'text' })
  actor!: string;

  @Column({ name: 'token_id', type: 'uuid', nullable: true })
  tokenId!: string | null;

  /** `machines.deploy`, `tokens.revoke` … */
  @Column({ type: 'text' })
  action!: string;

  /** What it was done to: `machine/rack1-n3`. */
  @Column({ type: 'text' })
  subject!: string;

  @Column({ type: 'text' })
  outcome!: AuditOutcome;

  @Column({ type: 'jsonb', nullable: true })
  before!: unknown;

  @Column({ type: 'jsonb', nullable: true })
  after!: unknown;

  /** The caller's address. */
  @Column({ type: 'text' })
  source!: string;

  @Column({ name: 'previous_hash', type: 'text' })
  previousHash!: string;

  /** SHA-256 over the previous hash and every other column. */
  @Column({ type: 'text' })
  hash!: string;
}

/** `asked`: it is about to be done outside of Postgres; `done` or `refused` follows, unless the server was killed. */
export type AuditOutcome = 'asked' | 'done' | 'refused';
