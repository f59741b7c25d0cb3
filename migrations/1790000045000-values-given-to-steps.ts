import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Secret values that a step was given when its run was asked for: sealed beside what steps publish, and shown to nobody. */
export class ValuesGivenToSteps1790000045000 implements MigrationInterface {
  readonly name = 'ValuesGivenToSteps1790000045000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table output add column given boolean not null default false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('delete from output where given');
    await runner.query('alter table output drop column given');
  }
}
