import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { QueryFailedError, type DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import { ReservationEntity } from './reservation.entity.js';
import { subnetFrom } from './subnet-from-entity.js';
import { reservationProblems } from './subnet-rules.js';
import { SubnetService } from './subnet.service.js';

/** A reservation as an operator writes it: exactly one of `mac` and `clientId`. */
export interface ReservationInput {
  mac?: string | null;
  /** Option 61 in hex. */
  clientId?: string | null;
  address: string;
  hostname?: string | null;
}

/** Addresses kept for one client each. */
@Injectable()
export class ReservationService {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SubnetService) private readonly subnets: SubnetService,
  ) {}

  /** Of one subnet (by id or name), or of all. */
  async list(subnet?: string): Promise<ReservationEntity[]> {
    const where = subnet === undefined ? {} : { subnetId: (await this.subnets.get(subnet)).id };
    return this.dataSource.manager.find(ReservationEntity, { where, order: { address: 'ASC' } });
  }

  /** Throws (`invalid`, with every problem; `conflict` where the address or the client has one already). */
  async create(
    subnetIdOrName: string,
    input: ReservationInput,
    manager = this.dataSource.manager,
  ): Promise<ReservationEntity> {
    const subnet = await this.subnets.get(subnetIdOrName, manager);
    const columns = {
      subnetId: subnet.id,
      mac: input.mac?.toLowerCase().replaceAll('-', ':') ?? null,
      clientId: input.clientId?.toLowerCase().replaceAll(':', '') ?? null,
      address: input.address,
      hostname: input.hostname ?? null,
    };
    const details = reservationProblems(columns, subnetFrom(subnet));
    if (details.length > 0) {
      throw new MusterError('invalid', `cannot reserve ${input.address}: ${details[0]?.message ?? ''}`, { details });
    }
    try {
      return await manager.save(manager.create(ReservationEntity, columns));
    } catch (error) {
      const code = error instanceof QueryFailedError ? (error.driverError as { code?: unknown }).code : null;
      if (code !== '23505') throw error;
      throw new MusterError(
        'conflict',
        `cannot reserve ${input.address}: the address or the client has a reservation`,
        {
          hint: `muster subnets show ${subnet.name} lists them`,
          cause: error,
        },
      );
    }
  }

  async remove(id: string, manager = this.dataSource.manager): Promise<void> {
    const { affected } = await manager.delete(ReservationEntity, { id });
    if (affected === 0) throw new MusterError('not-found', `cannot find the reservation ${id}`);
  }
}
