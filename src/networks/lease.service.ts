import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { LeaseEntity } from './lease.entity.js';

/** The record of leases: what owners replayed into Postgres, a moment behind what they answer from. */
@Injectable()
export class LeaseService {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Latest first. */
  list(filter: { subnetId?: string; mac?: string } = {}): Promise<LeaseEntity[]> {
    const where = {
      ...(filter.subnetId === undefined ? {} : { subnetId: filter.subnetId }),
      ...(filter.mac === undefined ? {} : { mac: filter.mac.toLowerCase() }),
    };
    return this.dataSource.manager.find(LeaseEntity, { where, order: { grantedAt: 'DESC', address: 'ASC' } });
  }

  /** The active lease of a MAC that was granted last; null where it has none. */
  async findByMac(mac: string): Promise<LeaseEntity | null> {
    const leases = await this.list({ mac });
    return leases.find((lease) => lease.state === 'active' && lease.expiresAt > new Date()) ?? null;
  }
}
