import { Controller, Inject, Param } from '@nestjs/common';
import {
  LeaseService,
  ReservationService,
  SubnetService,
  type LeaseEntity,
  type ReservationEntity,
} from '../../networks/index.js';
import { MusterError } from '../../error.js';
import { findAddress } from '../../protocol/ipv4/index.js';
import { leasesRoutes, reservationsRoutes, type BodyOf, type QueryOf, type ResponseOf } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery } from '../endpoint.js';
import { pageOfSorted } from '../pagination.js';

type ReservationView = ResponseOf<typeof reservationsRoutes.create>;

@Controller()
export class LeasesController {
  constructor(
    @Inject(LeaseService) private readonly leases: LeaseService,
    @Inject(ReservationService) private readonly reservations: ReservationService,
    @Inject(SubnetService) private readonly subnets: SubnetService,
  ) {}

  @Endpoint(leasesRoutes.list)
  async list(@GivenQuery() query: QueryOf<typeof leasesRoutes.list>): Promise<ResponseOf<typeof leasesRoutes.list>> {
    const subnetId = query.subnet === undefined ? undefined : (await this.subnets.get(query.subnet)).id;
    const page = pageOfSorted(await this.leases.list({ subnetId }), (lease) => addressKey(lease), query);
    const names = await this.subnetNames();
    return { items: page.items.map((lease) => leaseView(lease, names)), next: page.next };
  }

  @Endpoint(reservationsRoutes.list)
  async listReservations(
    @GivenQuery() query: QueryOf<typeof reservationsRoutes.list>,
  ): Promise<ResponseOf<typeof reservationsRoutes.list>> {
    const page = pageOfSorted(await this.reservations.list(query.subnet), (kept) => addressKey(kept), query);
    const names = await this.subnetNames();
    return { items: page.items.map((kept) => reservationView(kept, names)), next: page.next };
  }

  @Endpoint(reservationsRoutes.create)
  async create(
    @GivenBody() body: BodyOf<typeof reservationsRoutes.create>,
    @AuditNote() note: AuditNote,
  ): Promise<ReservationView> {
    const { subnet, ...input } = body;
    note.subject = `reservations/${body.address}`;
    const kept = await note.change((manager) => this.reservations.create(subnet, input, manager));
    return reservationView(kept, await this.subnetNames());
  }

  @Endpoint(reservationsRoutes.delete)
  async delete(@Param('reservation') id: string, @AuditNote() note: AuditNote): Promise<void> {
    const kept = (await this.reservations.list()).find((each) => each.id === id);
    if (kept === undefined) throw new MusterError('not-found', `cannot find the reservation ${id}`);
    note.before = reservationView(kept, await this.subnetNames());
    await note.change((manager) => this.reservations.remove(id, manager));
  }

  private async subnetNames(): Promise<Map<string, string>> {
    return new Map((await this.subnets.list()).map((subnet) => [subnet.id, subnet.name]));
  }
}

/** Sorts as numbers do, within each subnet. */
function addressKey(row: { subnetId: string; address: string }): string {
  const number = findAddress(row.address) ?? 0;
  return `${row.subnetId} ${String(number).padStart(10, '0')}`;
}

function leaseView(lease: LeaseEntity, names: Map<string, string>) {
  const { address, mac, clientId, hostname, state } = lease;
  const grantedAt = lease.grantedAt.toISOString();
  const subnet = names.get(lease.subnetId) ?? lease.subnetId;
  return { subnet, address, mac, clientId, hostname, state, grantedAt, expiresAt: lease.expiresAt.toISOString() };
}

function reservationView(kept: ReservationEntity, names: Map<string, string>): ReservationView {
  const { id, address, mac, clientId, hostname } = kept;
  return { id, subnet: names.get(kept.subnetId) ?? kept.subnetId, address, mac, clientId, hostname };
}
