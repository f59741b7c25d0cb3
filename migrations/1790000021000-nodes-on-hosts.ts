import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Containers are nodes that are reached through the node they are on. */
export class NodesOnHosts1790000021000 implements MigrationInterface {
  name = 'NodesOnHosts1790000021000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      alter table node add column host_node_id uuid
        constraint node_host_node_id_fkey references node (id) on delete restrict`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node drop column host_node_id');
  }
}
