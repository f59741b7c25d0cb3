import { networkInterfaces } from 'node:os';
import { Controller, Inject, Param } from '@nestjs/common';
import {
  bootSnippet,
  subnetFrom,
  SubnetService,
  type Subnet as ParsedSubnet,
  type SubnetEntity,
} from '../../networks/index.js';
import type { Settings } from '../../platform/config/index.js';
import { SETTINGS } from '../../platform/index.js';
import { findAddress, prefixContains } from '../../protocol/ipv4/index.js';
import { subnetsRoutes, type BodyOf, type QueryOf, type ResponseOf, type Subnet } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery } from '../endpoint.js';

@Controller()
export class SubnetsController {
  constructor(
    @Inject(SubnetService) private readonly subnets: SubnetService,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @Endpoint(subnetsRoutes.list)
  async list(): Promise<ResponseOf<typeof subnetsRoutes.list>> {
    return { items: (await this.subnets.list()).map(subnetView) };
  }

  @Endpoint(subnetsRoutes.show)
  async show(@Param('subnet') reference: string): Promise<Subnet> {
    return subnetView(await this.subnets.get(reference));
  }

  @Endpoint(subnetsRoutes.create)
  async create(@GivenBody() body: BodyOf<typeof subnetsRoutes.create>, @AuditNote() note: AuditNote): Promise<Subnet> {
    return note.change(async (manager) => {
      const subnet = subnetView(await this.subnets.create(body, manager));
      note.subject = `subnets/${subnet.name}`;
      note.after = subnet;
      return subnet;
    });
  }

  @Endpoint(subnetsRoutes.update)
  async update(
    @Param('subnet') reference: string,
    @GivenBody() body: BodyOf<typeof subnetsRoutes.update>,
    @AuditNote() note: AuditNote,
  ): Promise<Subnet> {
    return note.change(async (manager) => {
      note.before = subnetView(await this.subnets.get(reference, manager));
      const subnet = subnetView(await this.subnets.update(reference, body, manager));
      note.after = subnet;
      return subnet;
    });
  }

  @Endpoint(subnetsRoutes.delete)
  async delete(@Param('subnet') reference: string, @AuditNote() note: AuditNote): Promise<void> {
    await note.change(async (manager) => {
      note.before = subnetView(await this.subnets.get(reference, manager));
      await this.subnets.remove(reference, manager);
    });
  }

  @Endpoint(subnetsRoutes.snippet)
  async snippet(
    @Param('subnet') reference: string,
    @GivenQuery() query: QueryOf<typeof subnetsRoutes.snippet>,
  ): Promise<ResponseOf<typeof subnetsRoutes.snippet>> {
    const subnet = subnetFrom(await this.subnets.get(reference));
    const server = { address: ownAddressIn(subnet), httpPort: this.settings.boot.httpPort };
    return { text: bootSnippet(query.for, subnet, server) };
  }
}

function subnetView(subnet: SubnetEntity): Subnet {
  const { id, name, cidr, gateway, dns, mode, dynamicRanges, reservedRanges, vlan } = subnet;
  const { leaseSeconds, space, unknownMachines, options } = subnet;
  return {
    ...{ id, name, cidr, gateway, dns, mode, dynamicRanges, reservedRanges, vlan },
    ...{ leaseSeconds, space, unknownMachines, options },
    createdAt: subnet.createdAt.toISOString(),
  };
}

/** Our address on the subnet; else any of ours, for a subnet behind a relay. */
function ownAddressIn(subnet: ParsedSubnet): string {
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => entry.family === 'IPv4' && !entry.internal)
    .map((entry) => entry.address);
  const within = own.find((address) => {
    const parsed = findAddress(address);
    return parsed !== null && prefixContains(subnet.prefix, parsed);
  });
  return within ?? own[0] ?? '127.0.0.1';
}
