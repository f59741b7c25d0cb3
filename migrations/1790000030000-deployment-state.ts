import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each deployment has been laid down with: the files of every version, and the steps of its units. */
export class DeploymentState1790000030000 implements MigrationInterface {
  name = 'DeploymentState1790000030000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table deployment_version (
        deployment_id uuid not null,
        version integer not null,
        files jsonb not null,
        options jsonb not null,
        created_by text not null,
        created_at timestamptz not null,
        constraint deployment_version_pkey primary key (deployment_id, version),
        constraint deployment_version_deployment_id_fkey
          foreign key (deployment_id) references deployment (id) on delete cascade
      )`);
    await queryRunner.query(`
      insert into deployment_version (deployment_id, version, files, options, created_by, created_at)
      select id, version, files, options, created_by, created_at from deployment`);
    await queryRunner.query(`
      create table applied_step (
        deployment_id uuid not null,
        unit text not null,
        step text not null,
        node_id uuid not null,
        version integer not null,
        digest text,
        step_id uuid not null,
        applied_at timestamptz not null,
        constraint applied_step_pkey primary key (deployment_id, unit, step),
        constraint applied_step_deployment_id_fkey
          foreign key (deployment_id) references deployment (id) on delete cascade,
        constraint applied_step_node_id_fkey foreign key (node_id) references node (id) on delete cascade
      )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table applied_step');
    await queryRunner.query('drop table deployment_version');
  }
}
