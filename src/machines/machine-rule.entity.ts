import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** A machine that fits the condition may be written to without anyone being asked. */
@Entity('accept_rule')
@Index('accept_rule_name_key', ['name'], { unique: true })
export class AcceptRule {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'accept_rule_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  /** See machine-condition.ts. */
  @Column({ type: 'text' })
  condition!: string;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}

/** A tag that every machine carries whose facts fit the condition. */
@Entity('tag_rule')
@Index('tag_rule_tag_key', ['tag'], { unique: true })
export class TagRule {
  @PrimaryGeneratedColumn('uuid', { primaryKeyConstraintName: 'tag_rule_pkey' })
  id!: string;

  @Column({ type: 'text' })
  tag!: string;

  /** See machine-condition.ts. */
  @Column({ type: 'text' })
  condition!: string;

  @Column({ name: 'created_by', type: 'text' })
  createdBy!: string;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz' })
  createdAt!: Date;
}
