import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was seen of booting machines, and what lets them prove which boot they are. */
export class Booting1790000002001 implements MigrationInterface {
  name = 'Booting1790000002001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table boot_session (
        id uuid not null default gen_random_uuid() constraint boot_session_pkey primary key,
        machine_id uuid,
        mac text not null,
        uuid text,
        started_at timestamptz not null,
        last_at timestamptz not null,
        stage text not null
      )`);
    await runner.query('create index boot_session_mac_last_at on boot_session (mac, last_at)');
    await runner.query('create index boot_session_machine_id_last_at on boot_session (machine_id, last_at)');
    await runner.query(`
      create table boot_event (
        id bigserial constraint boot_event_pkey primary key,
        session_id uuid not null constraint boot_event_session_id_fkey references boot_session on delete cascade,
        at timestamptz not null,
        stage text not null,
        address text,
        message text not null,
        details jsonb not null default '{}'
      )`);
    await runner.query('create index boot_event_session_id_id on boot_event (session_id, id)');
    await runner.query(`
      create table boot_nonce (
        id uuid not null default gen_random_uuid() constraint boot_nonce_pkey primary key,
        hash text not null,
        machine_id uuid,
        mac text not null,
        purpose text not null,
        architecture text not null,
        in_window boolean not null,
        created_at timestamptz not null default now(),
        expires_at timestamptz not null,
        used_at timestamptz
      )`);
    await runner.query('create unique index boot_nonce_hash_key on boot_nonce (hash)');
    await runner.query('create index boot_nonce_expires_at on boot_nonce (expires_at)');
    await runner.query(`
      create table metadata_token (
        id uuid not null default gen_random_uuid() constraint metadata_token_pkey primary key,
        hash text not null,
        machine_id uuid not null,
        seed text not null,
        address text,
        expires_at timestamptz not null,
        used_at timestamptz,
        created_at timestamptz not null default now()
      )`);
    await runner.query('create unique index metadata_token_hash_key on metadata_token (hash)');
    await runner.query('create index metadata_token_machine_id on metadata_token (machine_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['metadata_token', 'boot_nonce', 'boot_event', 'boot_session'])
      await runner.query(`drop table ${table}`);
  }
}
