import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each host of an `ssh` cloud is held to the key that it showed. */
export class KeysThatHostsShowed1790000044000 implements MigrationInterface {
  readonly name = 'KeysThatHostsShowed1790000044000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table cloud_host add column shown_key text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table cloud_host drop column shown_key');
  }
}
