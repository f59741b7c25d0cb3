import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which node a node is a copy of, that no bundle names. */
export class NodeClones1790000034000 implements MigrationInterface {
  readonly name = 'NodeClones1790000034000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node add column clone_of text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node drop column clone_of');
  }
}
