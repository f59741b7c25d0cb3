import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { QueryFailedError, type DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import { SubnetEntity } from './subnet.entity.js';
import { problemsOf, type SubnetInput } from './subnet-rules.js';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Postgres: exclusion_violation, unique_violation. */
const TAKEN: readonly unknown[] = ['23P01', '23505'];

/** The subnets that an operator declared. */
@Injectable()
export class SubnetService {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  list(): Promise<SubnetEntity[]> {
    return this.dataSource.manager.find(SubnetEntity, { order: { name: 'ASC' } });
  }

  /** By id or by name. Throws (`not-found`). */
  async get(idOrName: string): Promise<SubnetEntity> {
    const where = UUID.test(idOrName) ? { id: idOrName } : { name: idOrName };
    const subnet = await this.dataSource.manager.findOneBy(SubnetEntity, where);
    if (subnet !== null) return subnet;
    throw new MusterError('not-found', `cannot find the subnet "${idOrName}"`, { hint: 'muster subnets lists them' });
  }

  /** Throws (`invalid`, with every problem; `conflict` where another was quicker). */
  async create(input: SubnetInput): Promise<SubnetEntity> {
    await this.check(input, null);
    return this.save(this.dataSource.manager.create(SubnetEntity, columnsOf(input)));
  }

  /** Changes what is given, keeps the rest. Throws like {@link create}. */
  async update(idOrName: string, change: Partial<SubnetInput>): Promise<SubnetEntity> {
    const subnet = await this.get(idOrName);
    const input: SubnetInput = { ...inputOf(subnet), ...change };
    await this.check(input, subnet.id);
    return this.save(subnet, columnsOf(input));
  }

  /** Takes its reservations and leases with it. */
  async remove(idOrName: string): Promise<void> {
    await this.dataSource.manager.delete(SubnetEntity, { id: (await this.get(idOrName)).id });
  }

  private async check(input: SubnetInput, ownId: string | null): Promise<void> {
    const others = (await this.list()).filter((other) => other.id !== ownId);
    const details = problemsOf(input, others);
    if (details.length > 0) {
      throw new MusterError('invalid', `cannot use the subnet "${input.name}": ${details[0]?.message ?? ''}`, {
        details,
      });
    }
  }

  private async save(entity: SubnetEntity, columns: Partial<SubnetEntity> = {}): Promise<SubnetEntity> {
    try {
      // Assigned, not merged: a merge would join the arrays of before and after.
      return await this.dataSource.manager.save(SubnetEntity, Object.assign(entity, columns));
    } catch (error) {
      if (error instanceof QueryFailedError && TAKEN.includes((error.driverError as { code?: unknown }).code)) {
        throw new MusterError(
          'conflict',
          `cannot store the subnet "${entity.name}": another has its name or addresses`,
          {
            hint: 'muster subnets lists them',
            cause: error,
          },
        );
      }
      throw error;
    }
  }
}

function columnsOf(input: SubnetInput) {
  return {
    name: input.name,
    cidr: input.cidr,
    gateway: input.gateway ?? null,
    dns: input.dns ?? [],
    mode: input.mode ?? 'off',
    dynamicRanges: input.dynamicRanges ?? [],
    reservedRanges: input.reservedRanges ?? [],
    vlan: input.vlan ?? null,
    leaseSeconds: input.leaseSeconds ?? 3600,
    space: input.space ?? null,
    unknownMachines: input.unknownMachines ?? 'enlist',
    options: (input.options ?? []).map(({ code, hex }) => ({ code, hex: hex.toLowerCase() })),
  };
}

function inputOf(subnet: SubnetEntity): SubnetInput {
  const { name, cidr, gateway, dns, mode, dynamicRanges, reservedRanges, vlan } = subnet;
  const { leaseSeconds, space, unknownMachines, options } = subnet;
  return {
    ...{ name, cidr, gateway, dns, mode, dynamicRanges, reservedRanges, vlan },
    ...{ leaseSeconds, space, unknownMachines, options },
  };
}
