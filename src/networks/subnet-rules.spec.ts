import { describe, expect, it } from 'vitest';
import { parseAddress, parsePrefix } from '../protocol/ipv4/index.js';
import { problemsOf, reservationProblems, type SubnetInput } from './subnet-rules.js';
import type { Subnet } from './subnet.js';

const good: SubnetInput = {
  name: 'lab',
  cidr: '10.99.0.0/24',
  gateway: '10.99.0.1',
  dns: ['10.99.0.53'],
  mode: 'serve',
  dynamicRanges: ['10.99.0.10-10.99.0.99'],
  reservedRanges: ['10.99.0.20-10.99.0.29'],
  vlan: 12,
  leaseSeconds: 600,
  options: [{ code: 42, hex: '0a630001' }],
};
const others = [{ name: 'taken', cidr: '10.50.0.0/16' }];

/** "cidr: …", one a problem. */
const problems = (change: Partial<SubnetInput>) =>
  problemsOf({ ...good, ...change }, others).map(({ at, message }) => `${at ?? ''}: ${message}`);

describe('a subnet', () => {
  it('may be whole, or the least', () => {
    expect(problems({})).toEqual([]);
    expect(problemsOf({ name: 'a', cidr: '10.0.0.0/8' }, [])).toEqual([]);
  });

  it.each<[Partial<SubnetInput>, RegExp]>([
    [{ name: 'Lab!' }, /^name: "Lab!" is no name/],
    [{ name: 'taken' }, /^name: "taken" is taken/],
    [{ cidr: '10.99.0.1/24' }, /^cidr: "10.99.0.1\/24" is no IPv4 network/],
    [{ cidr: '10.99.0.0/31', dynamicRanges: [], reservedRanges: [], mode: 'off' }, /^cidr: a \/31 cannot be a subnet/],
    [{ gateway: '10.98.0.1' }, /^gateway: 10.98.0.1 is no host's address in 10.99.0.0\/24/],
    [{ gateway: '10.99.0.255' }, /^gateway: 10.99.0.255 is no host's/],
    [{ dns: ['8.8.8.8', 'dns'] }, /^dns\[1\]: "dns" is no IPv4 address/],
    [{ dynamicRanges: [] }, /^dynamicRanges: a subnet that is served needs a range/],
    [{ dynamicRanges: ['10.99.0.200-10.99.1.10'] }, /^dynamicRanges\[0\]: .* is not within the hosts of 10.99.0.0\/24/],
    [{ dynamicRanges: ['10.99.0.9-10.99.0.2'] }, /^dynamicRanges\[0\]: .*ends before it begins/],
    [
      { dynamicRanges: ['10.99.0.10-10.99.0.20', '10.99.0.20-10.99.0.30'] },
      /^dynamicRanges\[1\]: 10.99.0.20-10.99.0.30 overlaps 10.99.0.10-10.99.0.20/,
    ],
    [{ space: '^dmz' }, /^space: "\^dmz" is no name/],
    [{ vlan: 4095 }, /^vlan: 4095 is no VLAN/],
    [{ leaseSeconds: 59 }, /^leaseSeconds: 59 is no lease time/],
    [{ leaseSeconds: 1.5 * 3600.5 }, /^leaseSeconds/],
    [{ options: [{ code: 53, hex: '01' }] }, /^options\[0\]: option 53 is the server's own/],
    [{ options: [{ code: 255, hex: '01' }] }, /^options\[0\]: 255 is no option/],
    [{ options: [{ code: 15, hex: 'xyz' }] }, /^options\[0\]: the value must be/],
    [{ mode: 'on' as never }, /^mode: "on" is none of serve, proxy, off/],
    [{ unknownMachines: 'boot' as never }, /^unknownMachines: "boot" is none of/],
  ])('%j is refused', (change, message) => {
    expect(problems(change)).toEqual([expect.stringMatching(message)]);
  });

  it('must not overlap another', () => {
    const change = { cidr: '10.50.7.0/24', gateway: null, dynamicRanges: ['10.50.7.9'], reservedRanges: [] };
    expect(problems(change)).toEqual(['cidr: 10.50.7.0/24 overlaps 10.50.0.0/16 (taken)']);
  });

  it('is told all its problems at once', () => {
    expect(problems({ name: '', vlan: -1, leaseSeconds: 0, dns: ['x'] })).toHaveLength(4);
  });
});

describe('a reservation', () => {
  const subnet = { prefix: parsePrefix('10.99.0.0/24'), gateway: parseAddress('10.99.0.1') } as Subnet;
  const mac = '52:54:00:00:00:01';

  it.each([
    [{ mac, clientId: null, address: '10.99.0.50' }, []],
    [{ mac: null, clientId: 'ff01', address: '10.99.0.50' }, []],
    [{ mac: null, clientId: null, address: '10.99.0.50' }, ['mac']],
    [{ mac, clientId: 'ff01', address: '10.99.0.50' }, ['mac']],
    [{ mac: '52:54', clientId: null, address: '10.99.0.50' }, ['mac']],
    [{ mac: null, clientId: 'f', address: '10.99.0.50' }, ['clientId']],
    [{ mac, clientId: null, address: '10.98.0.50' }, ['address']],
    [{ mac, clientId: null, address: '10.99.0.255' }, ['address']],
    [{ mac, clientId: null, address: '10.99.0.1' }, ['address']],
    [{ mac, clientId: null, address: 'here' }, ['address']],
  ])('%j: wrong are %j', (input, wrong) => {
    expect(reservationProblems(input, subnet).map(({ at }) => at)).toEqual(wrong);
  });
});
