import type { MigrationInterface, QueryRunner } from 'typeorm';

export class PowerReadings1790000007000 implements MigrationInterface {
  name = 'PowerReadings1790000007000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table power_reading (
        machine_id uuid not null,
        state text not null default 'unknown',
        read_at timestamptz not null,
        constraint power_reading_pkey primary key (machine_id),
        constraint power_reading_machine_id_fkey foreign key (machine_id) references machine (id) on delete cascade,
        constraint power_reading_state_check check (state in ('on', 'off', 'unknown'))
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table power_reading');
  }
}
