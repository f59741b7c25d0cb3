import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Access1790000005000 implements MigrationInterface {
  name = 'Access1790000005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table access_token (
        id uuid not null default gen_random_uuid(),
        key text not null,
        secret_hash text not null,
        name text not null,
        role text not null,
        pool text,
        created_by text not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        constraint access_token_pkey primary key (id)
      )`);
    await runner.query('create unique index access_token_key_unique on access_token (key)');
    await runner.query(`
      create table audit_entry (
        sequence bigint not null,
        at timestamptz not null,
        actor text not null,
        token_id uuid,
        action text not null,
        subject text not null,
        outcome text not null,
        before jsonb,
        after jsonb,
        source text not null,
        previous_hash text not null,
        hash text not null,
        constraint audit_entry_pkey primary key (sequence)
      )`);
    await runner.query(`
      create function audit_entry_is_append_only() returns trigger language plpgsql as $$
      begin
        raise exception 'cannot % audit_entry: it is append-only', lower(tg_op);
      end $$`);
    await runner.query(`
      create trigger audit_entry_append_only before update or delete or truncate on audit_entry
      for each statement execute function audit_entry_is_append_only()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table audit_entry');
    await runner.query('drop function audit_entry_is_append_only()');
    await runner.query('drop table access_token');
  }
}
