import { findAddress, parsePrefix, parseRange } from '../protocol/ipv4/index.js';
import type { ReservationEntity } from './reservation.entity.js';
import type { SubnetEntity } from './subnet.entity.js';
import type { Reservation, Subnet } from './subnet.js';

/** Parses a stored subnet; what was validated when it was stored cannot fail here. */
export function subnetFrom(entity: SubnetEntity): Subnet {
  return {
    id: entity.id,
    name: entity.name,
    prefix: parsePrefix(entity.cidr),
    gateway: entity.gateway === null ? null : findAddress(entity.gateway),
    dns: entity.dns.flatMap((text) => findAddress(text) ?? []),
    mode: entity.mode,
    dynamicRanges: entity.dynamicRanges.map(parseRange),
    reservedRanges: entity.reservedRanges.map(parseRange),
    vlan: entity.vlan,
    leaseSeconds: entity.leaseSeconds,
    space: entity.space,
    unknownMachines: entity.unknownMachines,
    options: entity.options.map(({ code, hex }) => ({ code, value: Buffer.from(hex, 'hex') })),
  };
}

export function reservationFrom(entity: ReservationEntity): Reservation {
  return {
    id: entity.id,
    subnetId: entity.subnetId,
    mac: entity.mac,
    clientId: entity.clientId,
    address: findAddress(entity.address) ?? 0,
    hostname: entity.hostname,
  };
}
