import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Deployments1790000006000 implements MigrationInterface {
  name = 'Deployments1790000006000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table deployment (
        id uuid not null default gen_random_uuid(),
        name text not null,
        cloud text not null,
        bundle text not null,
        files jsonb not null,
        options jsonb not null default '{}',
        version integer not null default 1,
        ssh_public_key text not null,
        ssh_private_key text not null,
        created_by text not null,
        created_at timestamptz not null default now(),
        removed_at timestamptz,
        constraint deployment_pkey primary key (id)
      )`);
    await queryRunner.query('create unique index deployment_name_key on deployment (name) where removed_at is null');
    await queryRunner.query(`
      create table node (
        id uuid not null default gen_random_uuid(),
        deployment_id uuid not null,
        key text not null,
        name text not null,
        machine_id uuid,
        address text not null,
        ssh_port integer not null default 22,
        ssh_user text not null default 'root',
        host_keys jsonb not null,
        ready_at timestamptz not null,
        removed_at timestamptz,
        constraint node_pkey primary key (id),
        constraint node_deployment_id_fkey foreign key (deployment_id) references deployment (id) on delete restrict
      )`);
    await queryRunner.query(
      'create unique index node_deployment_id_key_key on node (deployment_id, key) where removed_at is null',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table node');
    await queryRunner.query('drop table deployment');
  }
}
