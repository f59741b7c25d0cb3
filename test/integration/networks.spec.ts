import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MusterError } from '../../src/error.js';
import { ReservationService, SubnetService } from '../../src/networks/index.js';
import { Datastores } from '../support/datastores.js';

let stores: Datastores;
let dataSource: DataSource;
let subnets: SubnetService;
let reservations: ReservationService;
beforeAll(async () => {
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
  subnets = new SubnetService(dataSource);
  reservations = new ReservationService(dataSource, subnets);
  await subnets.create({
    name: 'lab',
    cidr: '10.99.0.0/24',
    mode: 'serve',
    gateway: '10.99.0.1',
    dynamicRanges: ['10.99.0.10-10.99.0.99'],
  });
});
afterAll(async () => {
  await dataSource.destroy();
  await stores.stop();
});

const kindOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'fine',
    (error: unknown) => (error as MusterError).kind,
  );

describe('subnets', () => {
  it('are found by name and by id, with their defaults', async () => {
    const subnet = await subnets.get('lab');
    expect(await subnets.get(subnet.id)).toEqual(subnet);
    expect(subnet).toMatchObject({ cidr: '10.99.0.0/24', leaseSeconds: 3600, unknownMachines: 'enlist', dns: [] });
    expect(await kindOf(subnets.get('nowhere'))).toBe('not-found');
  });

  it('keep what a change does not name, and replace lists whole', async () => {
    await subnets.update('lab', { dns: ['10.99.0.53', '10.99.0.54'] });
    await subnets.update('lab', { dns: ['10.99.0.55'], mode: 'proxy' });
    expect(await subnets.get('lab')).toMatchObject({ dns: ['10.99.0.55'], mode: 'proxy', gateway: '10.99.0.1' });
    await subnets.update('lab', { gateway: null });
    expect((await subnets.get('lab')).gateway).toBeNull();
    expect(await kindOf(subnets.update('lab', { vlan: 9999 }))).toBe('invalid');
  });

  it('that overlap are refused, also when two operators are quick', async () => {
    expect(await kindOf(subnets.create({ name: 'other', cidr: '10.99.0.128/25' }))).toBe('invalid');
    const outcomes = await Promise.all(
      ['one', 'two', 'three'].map((name) => kindOf(subnets.create({ name, cidr: '10.70.0.0/24' }))),
    );
    expect(outcomes.filter((outcome) => outcome === 'fine')).toHaveLength(1);
    for (const outcome of outcomes) expect(['fine', 'conflict', 'invalid']).toContain(outcome);
  });
});

describe('reservations', () => {
  it('take a MAC or a client identifier in any spelling', async () => {
    expect(await reservations.create('lab', { mac: '52-54-00-AA-BB-CC', address: '10.99.0.5' })).toMatchObject({
      mac: '52:54:00:aa:bb:cc',
    });
    expect(await reservations.create('lab', { clientId: 'FF:00:01', address: '10.99.0.6' })).toMatchObject({
      clientId: 'ff0001',
    });
    expect((await reservations.list('lab')).map((it) => it.address)).toEqual(['10.99.0.5', '10.99.0.6']);
  });

  it('of a taken address, a client that has one, or a wrong address are refused', async () => {
    const mac = '52:54:00:00:00:01';
    expect(await kindOf(reservations.create('lab', { mac, address: '10.99.0.5' }))).toBe('conflict');
    const again = { mac: '52:54:00:aa:bb:cc', address: '10.99.0.7' };
    expect(await kindOf(reservations.create('lab', again))).toBe('conflict');
    expect(await kindOf(reservations.create('lab', { mac, address: '10.98.0.7' }))).toBe('invalid');
  });

  it('go with their subnet', async () => {
    await subnets.create({ name: 'gone', cidr: '10.71.0.0/24' });
    await reservations.create('gone', { mac: '52:54:00:00:00:02', address: '10.71.0.5' });
    await subnets.remove('gone');
    expect((await reservations.list()).map((it) => it.address)).not.toContain('10.71.0.5');
    expect(await kindOf(reservations.remove('00000000-0000-0000-0000-000000000000'))).toBe('not-found');
  });
});
