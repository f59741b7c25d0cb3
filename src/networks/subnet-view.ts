import { readFile } from 'node:fs/promises';
import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import { writeDurably } from '../platform/files/index.js';
import type { Logger } from '../platform/log/index.js';
import { prefixContains, type Ipv4 } from '../protocol/ipv4/index.js';
import { ReservationEntity } from './reservation.entity.js';
import { reservationFrom, subnetFrom } from './subnet-from-entity.js';
import { SubnetEntity } from './subnet.entity.js';
import type { Reservation, Subnet } from './subnet.js';

interface Stored {
  subnets: SubnetEntity[];
  reservations: ReservationEntity[];
}

/**
 * Subnets and reservations in memory, as the packet path needs them: read from Postgres every few seconds, and from a
 * copy on disk where Postgres is down at start.
 */
export class SubnetView {
  private subnets: readonly Subnet[] = [];
  private reservations = new Map<string, Reservation[]>();
  private text = '';

  constructor(
    private readonly dataSource: DataSource,
    private readonly copyPath: string,
    private readonly log: Logger,
  ) {}

  all(): readonly Subnet[] {
    return this.subnets;
  }

  reservationsOf(subnetId: string): readonly Reservation[] {
    return this.reservations.get(subnetId) ?? [];
  }

  findContaining(address: Ipv4): Subnet | null {
    return this.subnets.find((subnet) => prefixContains(subnet.prefix, address)) ?? null;
  }

  /** True where something changed. Keeps what it has when Postgres cannot be read. */
  async refresh(): Promise<boolean> {
    try {
      const stored = await this.readStored();
      const text = JSON.stringify(stored);
      if (text === this.text) return false;
      this.take(stored, text);
      await writeDurably(this.copyPath, text, 0o600);
      return true;
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'cannot read subnets from Postgres; answering from memory');
      return this.text === '' ? await this.readCopy() : false;
    }
  }

  private async readStored(): Promise<Stored> {
    const { manager } = this.dataSource;
    const subnets = await manager.find(SubnetEntity, { order: { id: 'ASC' } });
    const reservations = await manager.find(ReservationEntity, { order: { id: 'ASC' } });
    return { subnets, reservations };
  }

  private async readCopy(): Promise<boolean> {
    try {
      const text = await readFile(this.copyPath, 'utf8');
      this.take(JSON.parse(text) as Stored, text);
      return true;
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'there is no copy of the subnets here either: nothing to answer yet');
      return false;
    }
  }

  private take(stored: Stored, text: string): void {
    this.subnets = stored.subnets.map(subnetFrom);
    this.reservations = new Map(this.subnets.map((subnet) => [subnet.id, []]));
    for (const entity of stored.reservations) this.reservations.get(entity.subnetId)?.push(reservationFrom(entity));
    this.text = text;
  }
}
