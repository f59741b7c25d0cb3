import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Steps of units that a person has left out are remembered, with the reason. */
export class StepsLeftOut1790000042000 implements MigrationInterface {
  name = 'StepsLeftOut1790000042000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table applied_step add column skipped text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table applied_step drop column skipped');
  }
}
