import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Agents in the memory environment and their orders. */
export class Agent1790000002002 implements MigrationInterface {
  name = 'Agent1790000002002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table agent_session (
        id uuid not null default gen_random_uuid() constraint agent_session_pkey primary key,
        machine_id uuid not null,
        token_hash text not null,
        purpose text not null,
        in_window boolean not null,
        address text,
        agent_version text not null,
        started_at timestamptz not null default now(),
        last_seen_at timestamptz not null default now(),
        ended_at timestamptz
      )`);
    await runner.query('create unique index agent_session_token_hash_key on agent_session (token_hash)');
    await runner.query('create index agent_session_machine_id on agent_session (machine_id)');
    await runner.query(`
      create table agent_order (
        id uuid not null default gen_random_uuid() constraint agent_order_pkey primary key,
        machine_id uuid not null,
        key text not null,
        sequence bigserial,
        kind text not null,
        parameters text not null,
        timeout_seconds integer not null,
        status text not null default 'pending',
        session_id uuid,
        percent integer not null default 0,
        message text not null default '',
        result jsonb,
        created_at timestamptz not null default now(),
        issued_at timestamptz,
        active_at timestamptz,
        finished_at timestamptz
      )`);
    await runner.query('create unique index agent_order_key_key on agent_order (key)');
    await runner.query('create index agent_order_machine_id_status on agent_order (machine_id, status)');
    await runner.query(`
      create table agent_order_log (
        order_id uuid not null constraint agent_order_log_order_id_fkey references agent_order on delete cascade,
        offset_bytes integer not null,
        content text not null,
        at timestamptz not null default now(),
        constraint agent_order_log_pkey primary key (order_id, offset_bytes)
      )`);
    await runner.query(`
      create function agent_order_announce() returns trigger language plpgsql as $$
      begin
        perform pg_notify('muster_order', new.machine_id::text);
        return null;
      end $$`);
    await runner.query(
      'create trigger agent_order_announce after insert on agent_order for each row execute function agent_order_announce()',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['agent_order_log', 'agent_order', 'agent_session']) await runner.query(`drop table ${table}`);
    await runner.query('drop function agent_order_announce()');
  }
}
