import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The deployment to which a schedule does it first. */
export class Canaries1790000032000 implements MigrationInterface {
  name = 'Canaries1790000032000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table schedule add column canary text');
    await queryRunner.query('alter table schedule_firing add column on_canary boolean not null default false');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table schedule_firing drop column on_canary');
    await queryRunner.query('alter table schedule drop column canary');
  }
}
