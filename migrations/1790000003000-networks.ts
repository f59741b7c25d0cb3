import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Networks1790000003000 implements MigrationInterface {
  readonly name = 'Networks1790000003000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table subnet (
        id uuid not null default gen_random_uuid(),
        name text not null,
        cidr cidr not null,
        gateway inet,
        dns jsonb not null default '[]',
        mode text not null,
        dynamic_ranges jsonb not null default '[]',
        reserved_ranges jsonb not null default '[]',
        vlan integer,
        lease_seconds integer not null,
        space text,
        unknown_machines text not null,
        options jsonb not null default '[]',
        version integer not null,
        created_at timestamptz not null default now(),
        updated_at timestamptz not null default now(),
        constraint subnet_pkey primary key (id),
        constraint subnet_name_key unique (name),
        constraint subnet_overlap_excl exclude using gist (cidr inet_ops with &&)
      )`);
    await runner.query(`
      create table reservation (
        id uuid not null default gen_random_uuid(),
        subnet_id uuid not null,
        mac text,
        client_id text,
        address inet not null,
        hostname text,
        created_at timestamptz not null default now(),
        constraint reservation_pkey primary key (id),
        constraint reservation_subnet_address_key unique (subnet_id, address),
        constraint reservation_subnet_mac_key unique (subnet_id, mac),
        constraint reservation_subnet_client_id_key unique (subnet_id, client_id),
        constraint reservation_client_check check ((mac is null) <> (client_id is null)),
        constraint reservation_subnet_fkey foreign key (subnet_id) references subnet (id) on delete cascade
      )`);
    await runner.query(`
      create table lease (
        subnet_id uuid not null,
        address inet not null,
        key text not null,
        mac text,
        uuid text,
        client_id text,
        hostname text,
        state text not null,
        granted_at timestamptz not null,
        expires_at timestamptz not null,
        fence bigint not null,
        constraint lease_pkey primary key (subnet_id, address),
        constraint lease_subnet_fkey foreign key (subnet_id) references subnet (id) on delete cascade
      )`);
    await runner.query('create index lease_mac_idx on lease (mac)');
    await runner.query(`
      create table subnet_owner (
        subnet_id uuid not null,
        server_id text not null,
        fence bigint not null,
        expires_at timestamptz not null,
        constraint subnet_owner_pkey primary key (subnet_id),
        constraint subnet_owner_subnet_fkey foreign key (subnet_id) references subnet (id) on delete cascade
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['subnet_owner', 'lease', 'reservation', 'subnet']) await runner.query(`drop table ${table}`);
  }
}
