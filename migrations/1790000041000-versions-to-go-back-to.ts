import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which version of a deployment one can go back to, and what stood before a change that did not come to it. */
export class VersionsToGoBackTo1790000041000 implements MigrationInterface {
  name = 'VersionsToGoBackTo1790000041000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'alter table deployment_version add column restores integer, add column settled_at timestamptz',
    );
    await queryRunner.query('alter table applied_step add column doubted text');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table applied_step drop column doubted');
    await queryRunner.query('alter table deployment_version drop column settled_at, drop column restores');
  }
}
