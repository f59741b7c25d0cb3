import { beforeEach, describe, expect, it } from 'vitest';
import { formatAddress, parseAddress, parsePrefix, parseRange } from '../protocol/ipv4/index.js';
import type { LeaseClient } from './lease.js';
import { LeaseTable } from './lease-table.js';
import type { Reservation, Subnet } from './subnet.js';

const subnet: Subnet = {
  id: 'one',
  name: 'one',
  prefix: parsePrefix('10.99.0.0/24'),
  gateway: parseAddress('10.99.0.1'),
  dns: [],
  mode: 'serve',
  dynamicRanges: [parseRange('10.99.0.1-10.99.0.4'), parseRange('10.99.0.20-10.99.0.21')],
  reservedRanges: [parseRange('10.99.0.4')],
  vlan: null,
  leaseSeconds: 100,
  space: null,
  unknownMachines: 'enlist',
  options: [],
};

function client(n: number, more: Partial<LeaseClient> = {}): LeaseClient {
  return { mac: `52:54:00:00:00:0${n}`, uuid: null, clientId: null, hostname: null, ...more };
}

const reservation = (more: Partial<Reservation>): Reservation => ({
  id: 'r',
  subnetId: 'one',
  mac: null,
  clientId: null,
  hostname: null,
  address: parseAddress('10.99.0.50'),
  ...more,
});

const at = parseAddress;
let table: LeaseTable;
beforeEach(() => {
  table = new LeaseTable(subnet, []);
});

function offered(who: LeaseClient, asked: string | null = null, now = 0): string | null {
  const address = table.offer(who, asked === null ? null : at(asked), now);
  return address === null ? null : formatAddress(address);
}

function granted(who: LeaseClient, address: string, now = 0): string {
  const { lease, refused } = table.grant(who, at(address), now, 1);
  return lease === undefined ? refused : formatAddress(lease.address);
}

describe('an offer', () => {
  it('takes what nobody ever had, without gateway and reserved range, and ends when none is left', () => {
    const all = [1, 2, 3, 4, 5].map((n) => offered(client(n)));
    expect(all).toEqual(['10.99.0.2', '10.99.0.3', '10.99.0.20', '10.99.0.21', null]);
  });

  it('is the same while it is held, and for another after a minute', () => {
    expect([offered(client(1)), offered(client(1))]).toEqual(['10.99.0.2', '10.99.0.2']);
    for (const n of [2, 3, 4]) offered(client(n));
    expect(offered(client(5), null, 59_000)).toBeNull();
    expect(offered(client(5), null, 61_000)).toBe('10.99.0.2');
  });

  it('is the address that the client had, also long after', () => {
    granted(client(1), '10.99.0.20');
    expect(offered(client(1), null, 1_000_000)).toBe('10.99.0.20');
  });

  it('is the address that the client asks for, where it is free', () => {
    granted(client(1), '10.99.0.20');
    expect([offered(client(2), '10.99.0.20'), offered(client(3), '10.99.0.21')]).toEqual(['10.99.0.2', '10.99.0.21']);
    expect(offered(client(4), '10.99.0.99')).toBe('10.99.0.3');
  });

  it('is the longest unused when all were used', () => {
    granted(client(1), '10.99.0.2', 0);
    granted(client(2), '10.99.0.3', 1000);
    granted(client(3), '10.99.0.20', 2000);
    granted(client(4), '10.99.0.21', 3000);
    granted(client(1), '10.99.0.2', 50_000);
    expect(offered(client(5), null, 100_000)).toBeNull();
    expect(offered(client(5), null, 101_000)).toBe('10.99.0.3');
  });

  it('is the reserved address, by MAC or by client identifier, and nobody else’s', () => {
    table.update(subnet, [
      reservation({ mac: '52:54:00:00:00:01' }),
      reservation({ clientId: 'ff01', address: at('10.99.0.2') }),
    ]);
    expect(offered(client(1))).toBe('10.99.0.50');
    expect(offered(client(2, { clientId: 'ff01' }))).toBe('10.99.0.2');
    expect(offered(client(3), '10.99.0.2')).toBe('10.99.0.3');
  });

  it('is none for a client without a name', () => {
    expect(offered(client(1, { mac: null }))).toBeNull();
  });
});

describe('a lease', () => {
  it('goes by MAC through firmware, iPXE and operating system', () => {
    granted(client(1), '10.99.0.20');
    expect(granted(client(1, { clientId: '01525400000001' }), '10.99.0.20')).toBe('10.99.0.20');
    expect(offered(client(1, { clientId: 'ff00000001' }))).toBe('10.99.0.20');
  });

  it.each([
    ['10.98.0.1', /not of the subnet one/],
    ['10.99.0.9', /not in a dynamic range/],
    ['10.99.0.1', /not in a dynamic range/],
    ['10.99.0.2', /belongs to another/],
  ])('of %s is refused', (address, reason) => {
    granted(client(1), '10.99.0.2');
    expect(granted(client(2), address)).toMatch(reason);
  });

  it('of an offered address is refused to another', () => {
    offered(client(1));
    expect(granted(client(2), '10.99.0.2')).toMatch(/belongs to another/);
  });

  it('is refused where another address is reserved for the client', () => {
    granted(client(1), '10.99.0.2');
    table.update(subnet, [reservation({ mac: '52:54:00:00:00:01' })]);
    expect(granted(client(1), '10.99.0.2')).toBe('10.99.0.50 is reserved for this client');
  });

  it('ends with its release, but not with another’s', () => {
    granted(client(1), '10.99.0.2');
    expect(table.release(client(2), at('10.99.0.2'), 0, 1)).toBeNull();
    expect(granted(client(2), '10.99.0.2')).toMatch(/belongs/);
    expect(table.release(client(1), at('10.99.0.2'), 0, 1)?.state).toBe('released');
    expect(granted(client(2), '10.99.0.2')).toBe('10.99.0.2');
  });

  it('keeps a declined address from everybody for ten minutes', () => {
    granted(client(1), '10.99.0.2');
    expect(table.decline(client(2), at('10.99.0.2'), 0, 1)).toBeNull();
    expect(table.decline(client(1), at('10.99.0.2'), 0, 1)?.state).toBe('declined');
    expect(offered(client(1))).toBe('10.99.0.3');
    expect(granted(client(2), '10.99.0.2', 599_000)).toMatch(/belongs/);
    expect(granted(client(2), '10.99.0.2', 601_000)).toBe('10.99.0.2');
  });

  it('is restored, the later grant first', () => {
    const { lease } = table.grant(client(1), at('10.99.0.2'), 5000, 1);
    const other = new LeaseTable(subnet, []);
    other.restore(lease!);
    other.restore({ ...lease!, key: 'mac:52:54:00:00:00:02', mac: '52:54:00:00:00:02', grantedAt: 10 });
    expect(other.findByClient(client(1))?.address).toBe(at('10.99.0.2'));
    expect(other.findByClient(client(2))).toBeNull();
  });

  // Time-out: a walk over all addresses for each would take minutes.
  it('is found for each of a whole /16', { timeout: 30_000 }, () => {
    const big = { ...subnet, prefix: parsePrefix('10.0.0.0/16'), dynamicRanges: [parseRange('10.0.0.2-10.0.255.254')] };
    table = new LeaseTable(big, []);
    for (let n = 0; n < 65_000; n++) {
      const who = client(0, { mac: n.toString(16) });
      table.grant(who, table.offer(who, null, n)!, n, 1);
    }
    expect(table.size).toBe(65_000);
  });
});
