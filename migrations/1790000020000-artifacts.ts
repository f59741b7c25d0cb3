import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sums of artifacts as they were first told, and the architecture of nodes, by which their artifacts are chosen. */
export class Artifacts1790000020000 implements MigrationInterface {
  name = 'Artifacts1790000020000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table artifact_pin (
        url text not null constraint artifact_pin_pkey primary key,
        sha256 text not null constraint artifact_pin_sha256_check check (sha256 ~ '^[0-9a-f]{64}$'),
        read_from text not null,
        pinned_at timestamptz not null
      )`);
    // Nodes of before are of the architecture that images were built for.
    await runner.query(`alter table node add column architecture text not null default 'amd64'`);
    await runner.query('alter table node alter column architecture drop default');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table node drop column architecture');
    await runner.query('drop table artifact_pin');
  }
}
