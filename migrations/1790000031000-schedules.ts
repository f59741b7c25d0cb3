import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When what is done to which deployment by itself, and every time that it came due. */
export class Schedules1790000031000 implements MigrationInterface {
  name = 'Schedules1790000031000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table schedule (
        id uuid not null default gen_random_uuid(),
        name text not null,
        deployment text not null,
        cron text not null,
        time_zone text not null,
        action text not null,
        overlap text not null,
        missed text not null,
        start_within_seconds integer not null,
        longest_seconds integer,
        stop_after_failures integer,
        failures integer not null default 0,
        from_bundle boolean not null default false,
        next_at timestamptz not null,
        paused_at timestamptz,
        paused_reason text,
        created_by text not null,
        created_at timestamptz not null,
        constraint schedule_pkey primary key (id),
        constraint schedule_name_key unique (name)
      )`);
    await queryRunner.query('create index schedule_next_at on schedule (next_at) where paused_at is null');
    await queryRunner.query(`
      create table schedule_firing (
        id uuid not null default gen_random_uuid(),
        schedule_id uuid not null,
        due_at timestamptz not null,
        status text not null,
        phase text,
        reason text,
        run_id uuid,
        source jsonb,
        outputs jsonb,
        claimed_at timestamptz not null,
        started_at timestamptz,
        finished_at timestamptz,
        constraint schedule_firing_pkey primary key (id),
        constraint schedule_firing_schedule_id_due_at_key unique (schedule_id, due_at),
        constraint schedule_firing_schedule_id_fkey
          foreign key (schedule_id) references schedule (id) on delete cascade
      )`);
    await queryRunner.query(
      `create index schedule_firing_open on schedule_firing (claimed_at) where status in ('waiting', 'running')`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table schedule_firing');
    await queryRunner.query('drop table schedule');
  }
}
