import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Clouds that somebody added, with their keys sealed, and the hosts of those that are lists of hosts. */
export class Clouds1790000025000 implements MigrationInterface {
  name = 'Clouds1790000025000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table cloud (
        id uuid not null default gen_random_uuid() constraint cloud_pkey primary key,
        name text not null constraint cloud_name_key unique,
        kind text not null,
        config jsonb not null,
        private_key text not null,
        created_by text not null,
        created_at timestamptz not null default now()
      )`);
    await runner.query(`
      create table cloud_host (
        id uuid not null default gen_random_uuid() constraint cloud_host_pkey primary key,
        cloud_id uuid not null constraint cloud_host_cloud_id_fkey references cloud (id) on delete cascade,
        address text not null,
        port integer not null,
        ssh_user text not null,
        host_keys jsonb not null,
        facts jsonb,
        problem text,
        checked_at timestamptz,
        claim text,
        deployment_id uuid,
        constraint cloud_host_cloud_id_address_port_key unique (cloud_id, address, port)
      )`);
    await runner.query('create unique index cloud_host_claim_key on cloud_host (claim)');
    await runner.query(`
      create trigger cloud_refuse_closed_key before insert or update of private_key on cloud
      for each row when (new.private_key is not null) execute function refuse_closed_key('{private_key}')`);
    await runner.query('alter table node add column ssh_host text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node drop column ssh_host');
    for (const table of ['cloud_host', 'cloud']) await runner.query(`drop table ${table}`);
  }
}
