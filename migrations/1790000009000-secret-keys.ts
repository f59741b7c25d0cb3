import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where values are sealed: table, column, path of the sealed text in the row. */
const SEALED = [
  ['machine', 'power_secrets', '{power_secrets}'],
  ['deployment', 'ssh_private_key', '{ssh_private_key}'],
  ['agent_order', 'parameters', '{parameters}'],
  ['metadata_token', 'seed', '{seed}'],
  ['output', 'sealed', '{sealed}'],
  ['step', 'input', '{input,deploy,userData}'],
] as const;

/** Key-encryption keys by their ids, who has which loaded, and a guard: nothing is sealed under a closed key. */
export class SecretKeys1790000009000 implements MigrationInterface {
  name = 'SecretKeys1790000009000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table secret_key (
        id text not null constraint secret_key_pkey primary key,
        state text not null constraint secret_key_state_check check (state in ('current', 'closed', 'retired')),
        since timestamptz not null default now()
      )`);
    await runner.query(`create unique index secret_key_current_key on secret_key (state) where state = 'current'`);
    await runner.query(`
      create table key_holder (
        id uuid not null constraint key_holder_pkey primary key,
        name text not null,
        key_ids text[] not null,
        seen_at timestamptz not null default now()
      )`);
    // Who closes a key takes the lock alone: he waits for writers in flight, and later ones see what he wrote.
    await runner.query(`
      create function refuse_closed_key() returns trigger language plpgsql as $$
      declare key_id text := split_part(to_jsonb(new) #>> tg_argv[0]::text[], '.', 2);
      begin
        perform pg_advisory_xact_lock_shared(778303);
        if exists (select from secret_key where id = key_id and state <> 'current') then
          raise exception 'cannot store a secret: it was sealed under key %, which is closed', key_id;
        end if;
        return new;
      end $$`);
    for (const [table, column, path] of SEALED) {
      const value = column === 'input' ? `new.input #>> '{deploy,userData}'` : `new.${column}`;
      await runner.query(`
        create trigger ${table}_refuse_closed_key before insert or update of ${column} on ${table}
        for each row when (${value} is not null) execute function refuse_closed_key('${path}')`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const [table] of SEALED) await runner.query(`drop trigger ${table}_refuse_closed_key on ${table}`);
    await runner.query('drop function refuse_closed_key()');
    for (const table of ['key_holder', 'secret_key']) await runner.query(`drop table ${table}`);
  }
}
