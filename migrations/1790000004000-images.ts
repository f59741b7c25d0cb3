import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Images1790000004000 implements MigrationInterface {
  readonly name = 'Images1790000004000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table image (
        id uuid not null default gen_random_uuid(),
        kind text not null,
        os text not null,
        release text not null,
        architecture text not null,
        variant text not null default 'default',
        version text not null,
        source text not null,
        labels jsonb not null default '{}',
        created_at timestamptz not null default now(),
        constraint image_pkey primary key (id),
        constraint image_identity_unique unique (kind, os, release, architecture, variant, version)
      )`);
    await runner.query(`
      create table image_file (
        id uuid not null default gen_random_uuid(),
        image_id uuid not null,
        role text not null,
        sha256 text not null,
        size_bytes bigint not null,
        compression text not null default 'none',
        unpacked_bytes bigint,
        constraint image_file_pkey primary key (id),
        constraint image_file_role_unique unique (image_id, role),
        constraint image_file_image_fkey foreign key (image_id) references image (id) on delete cascade
      )`);
    await runner.query('create index image_file_sha256_index on image_file (sha256)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table image_file');
    await runner.query('drop table image');
  }
}
