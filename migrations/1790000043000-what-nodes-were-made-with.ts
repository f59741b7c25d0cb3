import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nodes remember which base and constraints they were made with; of those that stand already it is not known. */
export class WhatNodesWereMadeWith1790000043000 implements MigrationInterface {
  readonly name = 'WhatNodesWereMadeWith1790000043000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node add column base text, add column constraints jsonb');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node drop column base, drop column constraints');
  }
}
