import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What every booting machine looks up: the other nonces of its MAC, and whether it is one that is awaited. */
export class StormIndexes1790000008000 implements MigrationInterface {
  name = 'StormIndexes1790000008000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('create index boot_nonce_mac on boot_nonce (mac)');
    await runner.query(
      `create index machine_awaited on machine (window_until) where state = 'declared' and uuid is null`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index machine_awaited');
    await runner.query('drop index boot_nonce_mac');
  }
}
