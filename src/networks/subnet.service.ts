import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import { SubnetEntity } from './subnet.entity.js';
import { problemsOf, type SubnetInput } from './subnet-rules.js';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Postgres: exclusion_violation, unique_violation. */
const TAKEN: readonly unknown[] = ['23P01', '23505'];

/** The subnets that an operator declared. Each method works in the manager's transaction, where it is given one. */
@Injectable()
export class SubnetService {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  list(manager = this.dataSource.manager): Promise<SubnetEntity[]> {
    return manager.find(SubnetEntity, { order: { name: 'ASC' } });
  }

  /** By id or by name. Throws (`not-found`). */
  async get(idOrName: string, manager = this.dataSource.manager): Promise<SubnetEntity> {
    const where = UUID.test(idOrName) ? { id: idOrName } : { name: idOrName };
    const subnet = await manager.findOneBy(SubnetEntity, where);
    if (subnet !== null) return subnet;
    throw new MusterError('not-found', `cannot find the subnet "${idOrName}"`, { hint: 'muster subnets lists them' });
  }

  /** Throws (`invalid`, with every problem; `conflict` where another was quicker). */
  async create(input: SubnetInput, manager = this.dataSource.manager): Promise<SubnetEntity> {
    await this.check(manager, input, null);
    return save(manager, manager.create(SubnetEntity, columnsOf(input)));
  }

  /** Changes what is given, keeps the rest. Throws like {@link create}. */
  async update(
    idOrName: string,
    change: Partial<SubnetInput>,
    manager = this.dataSource.manager,
  ): Promise<SubnetEntity> {
    const subnet = await this.get(idOrName, manager);
    const input: SubnetInput = { ...inputOf(subnet), ...change };
    await this.check(manager, input, subnet.id);
    // Assigned, not merged: a merge would join the arrays of before and after.
    return save(manager, Object.assign(subnet, columnsOf(input)));
  }

  /** Takes its reservations and leases with it. */
  async remove(idOrName: string, manager = this.dataSource.manager): Promise<void> {
    await manager.delete(SubnetEntity, { id: (await this.get(idOrName, manager)).id });
  }

  private async check(manager: EntityManager, input: SubnetInput, ownId: string | null): Promise<void> {
    const others = (await this.list(manager)).filter((other) => other.id !== ownId);
    const details = problemsOf(input, others);
    if (details.length > 0) {
      throw new MusterError('invalid', `cannot use the subnet "${input.name}": ${details[0]?.message ?? ''}`, {
        details,
      });
    }
  }
}

async function save(manager: EntityManager, entity: SubnetEntity): Promise<SubnetEntity> {
  try {
    return await manager.save(SubnetEntity, entity);
  } catch (error) {
    if (error instanceof QueryFailedError && TAKEN.includes((error.driverError as { code?: unknown }).code)) {
      throw new MusterError('conflict', `cannot store the subnet "${entity.name}": another has its name or addresses`, {
        hint: 'muster subnets lists them',
        cause: error,
      });
    }
    throw error;
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
