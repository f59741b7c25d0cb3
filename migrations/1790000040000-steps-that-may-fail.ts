import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Steps that are left out where they fail. */
export class StepsThatMayFail1790000040000 implements MigrationInterface {
  name = 'StepsThatMayFail1790000040000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table step add column may_fail boolean not null default false');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table step drop column may_fail');
  }
}
