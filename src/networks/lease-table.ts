import { formatAddress, isHostAddress, prefixContains, rangeContains, type Ipv4 } from '../protocol/ipv4/index.js';
import { leaseKey, type Lease, type LeaseClient } from './lease.js';
import type { Reservation, Subnet } from './subnet.js';

/** How long an offered address waits for its REQUEST. */
const OFFER_MS = 60_000;
/** How long an address that a client declined is kept from everybody. */
const DECLINED_MS = 600_000;

export type Grant = { lease: Lease; refused?: undefined } | { lease?: undefined; refused: string };

/** Addresses of one subnet: who has which, in memory. No I/O; the caller makes a grant durable before it tells of it. */
export class LeaseTable {
  /** Oldest grant first, so that the first expired one is the longest unused. */
  private readonly byAddress = new Map<Ipv4, Lease>();
  private readonly byKey = new Map<string, Lease>();
  private readonly offers = new Map<Ipv4, { key: string; until: number }>();
  private readonly offeredTo = new Map<string, Ipv4>();
  private reservedFor = new Map<Ipv4, Reservation>();
  private byMac = new Map<string, Reservation>();
  private byClientId = new Map<string, Reservation>();
  private subnetNow: Subnet;
  private never: ReadonlySet<Ipv4>;
  /** Where to look next for an address that nobody ever had. */
  private fresh: { range: number; address: Ipv4 } | null = null;

  /** `own`: addresses of this server, never given away. */
  constructor(
    subnet: Subnet,
    reservations: readonly Reservation[],
    private readonly own: readonly Ipv4[] = [],
  ) {
    this.subnetNow = subnet;
    this.never = this.neverGiven(subnet);
    this.reserve(reservations);
  }

  get subnet(): Subnet {
    return this.subnetNow;
  }

  get size(): number {
    return this.byAddress.size;
  }

  leases(): IterableIterator<Lease> {
    return this.byAddress.values();
  }

  /** Takes changed settings; leases stay, and are refused at their next renewal where they fit no more. */
  update(subnet: Subnet, reservations: readonly Reservation[]): void {
    this.subnetNow = subnet;
    this.never = this.neverGiven(subnet);
    this.fresh = null;
    this.reserve(reservations);
  }

  /** Puts in what a journal or Postgres remembers; the later grant of an address wins. */
  restore(lease: Lease): void {
    const known = this.byAddress.get(lease.address);
    if (known === undefined || known.grantedAt <= lease.grantedAt) this.put(lease);
  }

  findByAddress(address: Ipv4): Lease | null {
    return this.byAddress.get(address) ?? null;
  }

  findByClient(client: LeaseClient): Lease | null {
    const key = leaseKey(client);
    return key === null ? null : (this.byKey.get(key) ?? null);
  }

  findReservation(client: LeaseClient): Reservation | null {
    const byMac = client.mac === null ? undefined : this.byMac.get(client.mac);
    return byMac ?? (client.clientId === null ? null : (this.byClientId.get(client.clientId) ?? null));
  }

  /** The address to offer, held for a minute: reserved, had before, asked for, never used, longest unused. Null: none left. */
  offer(client: LeaseClient, asked: Ipv4 | null, now: number): Ipv4 | null {
    const key = leaseKey(client);
    if (key === null) return null;
    this.forgetOldOffers(now);
    const address = this.choose(client, key, asked, now);
    if (address === null) return null;
    this.hold(address, key, now);
    return address;
  }

  /** Gives an address that a client asks for by REQUEST. */
  grant(client: LeaseClient, address: Ipv4, now: number, fence: number): Grant {
    const key = leaseKey(client);
    if (key === null) return { refused: 'the client has neither MAC, UUID nor client identifier' };
    const refused = this.refusal(client, key, address, now);
    if (refused !== null) return { refused };
    const expiresAt = now + this.subnetNow.leaseSeconds * 1000;
    const lease = this.record(client, key, address, 'active', { now, expiresAt, fence });
    this.offers.delete(address);
    this.offeredTo.delete(key);
    return { lease };
  }

  /** Ends a client's lease. Null where it has none of this address: a RELEASE proves nothing by itself. */
  release(client: LeaseClient, address: Ipv4, now: number, fence: number): Lease | null {
    const lease = this.findByClient(client);
    if (lease?.address !== address || lease.state !== 'active') return null;
    return this.record(lease, lease.key, address, 'released', { now, expiresAt: now, fence });
  }

  /** Keeps an address away from everybody that its client found in use. Null where it was not the client's to decline. */
  decline(client: LeaseClient, address: Ipv4, now: number, fence: number): Lease | null {
    const key = leaseKey(client);
    const owner = this.byAddress.get(address)?.key ?? this.offers.get(address)?.key;
    if (key === null || owner !== key) return null;
    this.offers.delete(address);
    this.offeredTo.delete(key);
    return this.record(client, key, address, 'declined', { now, expiresAt: now + DECLINED_MS, fence });
  }

  private record(
    client: LeaseClient,
    key: string,
    address: Ipv4,
    state: Lease['state'],
    when: { now: number; expiresAt: number; fence: number },
  ): Lease {
    const lease: Lease = {
      subnetId: this.subnetNow.id,
      address,
      key,
      mac: client.mac,
      uuid: client.uuid,
      clientId: client.clientId,
      hostname: client.hostname,
      state,
      grantedAt: when.now,
      expiresAt: when.expiresAt,
      fence: when.fence,
    };
    this.put(lease);
    return lease;
  }

  private put(lease: Lease): void {
    const before = this.byAddress.get(lease.address);
    if (before !== undefined && this.byKey.get(before.key) === before) this.byKey.delete(before.key);
    this.byAddress.delete(lease.address);
    this.byAddress.set(lease.address, lease);
    if (lease.state === 'declined') return;
    const other = this.byKey.get(lease.key);
    if (other === undefined || other.grantedAt <= lease.grantedAt) this.byKey.set(lease.key, lease);
  }

  private hold(address: Ipv4, key: string, now: number): void {
    const before = this.offeredTo.get(key);
    if (before !== undefined && before !== address) this.offers.delete(before);
    this.offeredTo.set(key, address);
    this.offers.delete(address);
    this.offers.set(address, { key, until: now + OFFER_MS });
  }

  /** Offers are kept in the order they were made, so those to forget come first. */
  private forgetOldOffers(now: number): void {
    for (const [address, offer] of this.offers) {
      if (offer.until > now) return;
      this.offers.delete(address);
      if (this.offeredTo.get(offer.key) === address) this.offeredTo.delete(offer.key);
    }
  }

  private choose(client: LeaseClient, key: string, asked: Ipv4 | null, now: number): Ipv4 | null {
    const reservation = this.findReservation(client);
    if (reservation !== null) return this.takenByOther(key, reservation.address, now) ? null : reservation.address;
    for (const wanted of [this.byKey.get(key)?.address, this.offeredTo.get(key), asked]) {
      if (wanted !== undefined && wanted !== null && this.isFreeFor(key, wanted, now)) return wanted;
    }
    return this.neverUsed(key, now) ?? this.longestUnused(key, now);
  }

  private refusal(client: LeaseClient, key: string, address: Ipv4, now: number): string | null {
    const text = formatAddress(address);
    if (!prefixContains(this.subnetNow.prefix, address)) return `${text} is not of the subnet ${this.subnetNow.name}`;
    const reservation = this.findReservation(client);
    if (reservation !== null && reservation.address !== address) {
      return `${formatAddress(reservation.address)} is reserved for this client`;
    }
    if (this.takenByOther(key, address, now)) return `${text} belongs to another client`;
    if (reservation === null && !this.isDynamic(address)) return `${text} is not in a dynamic range`;
    return null;
  }

  private isDynamic(address: Ipv4): boolean {
    const { dynamicRanges, reservedRanges, prefix } = this.subnetNow;
    return (
      isHostAddress(prefix, address) &&
      dynamicRanges.some((range) => rangeContains(range, address)) &&
      !reservedRanges.some((range) => rangeContains(range, address)) &&
      !this.never.has(address) &&
      !this.reservedFor.has(address)
    );
  }

  private isFreeFor(key: string, address: Ipv4, now: number): boolean {
    return this.isDynamic(address) && !this.takenByOther(key, address, now);
  }

  private takenByOther(key: string, address: Ipv4, now: number): boolean {
    const lease = this.byAddress.get(address);
    if (lease !== undefined && lease.expiresAt > now && lease.state !== 'released') {
      if (lease.key !== key || lease.state === 'declined') return true;
    }
    const offer = this.offers.get(address);
    return offer !== undefined && offer.key !== key && offer.until > now;
  }

  /** The next address in the ranges that has no lease and no offer. Walks each range once, and not again. */
  private neverUsed(key: string, now: number): Ipv4 | null {
    const ranges = this.subnetNow.dynamicRanges;
    let range = this.fresh?.range ?? 0;
    let address = this.fresh?.address ?? ranges[0]?.first ?? 0;
    for (; range < ranges.length; address = ranges[++range]?.first ?? 0) {
      for (const last = ranges[range]?.last ?? 0; address <= last; address++) {
        if (this.byAddress.has(address) || !this.isFreeFor(key, address, now)) continue;
        this.fresh = { range, address: address + 1 };
        return address;
      }
    }
    this.fresh = { range, address };
    return null;
  }

  private longestUnused(key: string, now: number): Ipv4 | null {
    for (const [address, lease] of this.byAddress) {
      if ((lease.expiresAt <= now || lease.state === 'released') && this.isFreeFor(key, address, now)) return address;
    }
    return this.offeredAndForgotten(key);
  }

  /** Addresses that were offered and never taken: `neverUsed` has passed them. */
  private offeredAndForgotten(key: string): Ipv4 | null {
    for (const range of this.subnetNow.dynamicRanges) {
      for (let address = range.first; address <= range.last; address++) {
        const known = this.byAddress.has(address) || this.offers.has(address);
        if (!known && this.isFreeFor(key, address, 0)) return address;
      }
    }
    return null;
  }

  private neverGiven(subnet: Subnet): ReadonlySet<Ipv4> {
    return new Set([...subnet.dns, ...this.own, ...(subnet.gateway === null ? [] : [subnet.gateway])]);
  }

  private reserve(reservations: readonly Reservation[]): void {
    this.reservedFor = new Map(reservations.map((it) => [it.address, it]));
    this.byMac = new Map(reservations.flatMap((it) => (it.mac === null ? [] : [[it.mac, it] as const])));
    this.byClientId = new Map(reservations.flatMap((it) => (it.clientId === null ? [] : [[it.clientId, it] as const])));
  }
}
