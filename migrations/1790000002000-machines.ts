import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Machines, their cards, what happened to them, and the rules that accept and tag them. */
export class Machines1790000002000 implements MigrationInterface {
  name = 'Machines1790000002000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table machine (
        id uuid not null default gen_random_uuid() constraint machine_pkey primary key,
        name text not null,
        state text not null default 'declared',
        failed boolean not null default false,
        failed_reason text,
        version integer not null default 1,
        previous_state text,
        uuid text,
        architecture text,
        firmware text,
        power_driver text,
        power_parameters jsonb not null default '{}',
        power_secrets text,
        facts jsonb,
        facts_at timestamptz,
        tags text[] not null default '{}',
        rule_tags text[] not null default '{}',
        zone text not null default 'default',
        pool text not null default 'default',
        notes text not null default '',
        accepted_at timestamptz,
        accepted_by text,
        menu boolean not null default false,
        hostname text,
        address text,
        claim text,
        deployment_id text,
        owner text,
        target text,
        image jsonb,
        host_keys text[] not null default '{}',
        installed_at timestamptz,
        deployed_at timestamptz,
        ever_deployed boolean not null default false,
        window_until timestamptz,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now()
      )`);
    await runner.query('create unique index machine_name_key on machine (name)');
    await runner.query('create unique index machine_uuid_key on machine (uuid)');
    await runner.query('create unique index machine_claim_key on machine (claim)');
    await runner.query('create index machine_updated_at on machine (updated_at)');
    await runner.query(`
      create table machine_nic (
        id uuid not null default gen_random_uuid() constraint machine_nic_pkey primary key,
        machine_id uuid not null constraint machine_nic_machine_id_fkey references machine on delete cascade,
        mac text not null,
        name text,
        boot boolean not null default false,
        details jsonb not null default '{}'
      )`);
    await runner.query('create unique index machine_nic_mac_key on machine_nic (mac)');
    await runner.query('create index machine_nic_machine_id on machine_nic (machine_id)');
    await runner.query(`
      create table machine_event (
        id bigserial constraint machine_event_pkey primary key,
        machine_id uuid,
        at timestamptz not null default now(),
        kind text not null,
        level text not null default 'info',
        message text not null,
        details jsonb not null default '{}',
        actor text not null
      )`);
    await runner.query('create index machine_event_machine_id_id on machine_event (machine_id, id)');
    await runner.query(`
      create table accept_rule (
        id uuid not null default gen_random_uuid() constraint accept_rule_pkey primary key,
        name text not null,
        condition text not null,
        created_by text not null,
        created_at timestamptz not null default now()
      )`);
    await runner.query('create unique index accept_rule_name_key on accept_rule (name)');
    await runner.query(`
      create table tag_rule (
        id uuid not null default gen_random_uuid() constraint tag_rule_pkey primary key,
        tag text not null,
        condition text not null,
        created_by text not null,
        created_at timestamptz not null default now()
      )`);
    await runner.query('create unique index tag_rule_tag_key on tag_rule (tag)');
    await this.announceChanges(runner);
  }

  /** Boot servers keep machines in memory: every change of a row, by whomever, is told to them. */
  private async announceChanges(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create function machine_touch() returns trigger language plpgsql as $$
      begin
        new.updated_at := clock_timestamp();
        return new;
      end $$`);
    await runner.query(`
      create function machine_announce() returns trigger language plpgsql as $$
      begin
        perform pg_notify('muster_machine', coalesce(new.id, old.id)::text);
        return null;
      end $$`);
    await runner.query(`
      create function machine_nic_announce() returns trigger language plpgsql as $$
      begin
        update machine set updated_at = clock_timestamp() where id = coalesce(new.machine_id, old.machine_id);
        return null;
      end $$`);
    await runner.query(
      'create trigger machine_touch before update on machine for each row execute function machine_touch()',
    );
    await runner.query(
      'create trigger machine_announce after insert or update or delete on machine for each row execute function machine_announce()',
    );
    await runner.query(
      'create trigger machine_nic_announce after insert or update or delete on machine_nic for each row execute function machine_nic_announce()',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['tag_rule', 'accept_rule', 'machine_event', 'machine_nic', 'machine'])
      await runner.query(`drop table ${table}`);
    for (const name of ['machine_touch', 'machine_announce', 'machine_nic_announce'])
      await runner.query(`drop function ${name}()`);
  }
}
