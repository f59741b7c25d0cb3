import { type DataSource, In } from 'typeorm';
import { PowerReading } from './power-reading.entity.js';

export type PowerStateRead = PowerReading['state'];

/** When each machine's power was last looked at, and what was seen. */
export class PowerReadings {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Machines with a power record that nobody looked at since `before`, longest ago first; they count as looked at from
   * `now` on, so that of several servers one looks.
   */
  async claimDue(now: Date, before: Date, limit: number): Promise<string[]> {
    const claimed = await this.dataSource.query<{ machine_id: string }[]>(
      `insert into power_reading (machine_id, read_at)
       select machine.id, $1 from machine left join power_reading on power_reading.machine_id = machine.id
       where machine.power_driver is not null and (read_at is null or read_at < $2)
       order by read_at nulls first, machine.id limit $3
       on conflict (machine_id) do update set read_at = excluded.read_at where power_reading.read_at < $2
       returning machine_id`,
      [now, before, limit],
    );
    return claimed.map((row) => row.machine_id);
  }

  /** Keeps what was seen, and gives what was known before. */
  async keep(machineId: string, state: PowerStateRead, now: Date): Promise<PowerStateRead> {
    return this.dataSource.transaction(async (manager) => {
      const lock = { mode: 'pessimistic_write' } as const;
      const known = await manager.findOne(PowerReading, { where: { machineId }, lock });
      await manager.upsert(PowerReading, { machineId, state, readAt: now }, ['machineId']);
      return known?.state ?? 'unknown';
    });
  }

  /** By machine; what was never looked at is not there. */
  async statesOf(machineIds: readonly string[]): Promise<Map<string, PowerStateRead>> {
    const readings = await this.dataSource.getRepository(PowerReading).findBy({ machineId: In([...machineIds]) });
    return new Map(readings.map(({ machineId, state }) => [machineId, state]));
  }
}
