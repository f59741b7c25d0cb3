import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * In which subnets a machine is, by what is recorded: the last lease of each of its cards, reservations for them, and the
 * address at which it was last reached (which is all that there is where another server gives the addresses).
 */
export class MachineSubnets1790000033000 implements MigrationInterface {
  readonly name = 'MachineSubnets1790000033000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create view machine_subnet as
      select seen.machine_id, subnet.name, subnet.space
      from (
        select nic.machine_id, last.subnet_id
        from machine_nic nic
        cross join lateral (
          select subnet_id from lease where lease.mac = nic.mac order by granted_at desc limit 1
        ) last
        union
        select nic.machine_id, reservation.subnet_id
        from machine_nic nic join reservation on reservation.mac = nic.mac
        union
        select machine.id, subnet.id
        from machine join subnet
          on case when machine.address ~ '^([0-9]{1,3}[.]){3}[0-9]{1,3}$' then machine.address::inet <<= subnet.cidr end
      ) seen
      join subnet on subnet.id = seen.subnet_id`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop view machine_subnet');
  }
}
