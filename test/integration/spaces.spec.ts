import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MetalProvider } from '../../src/clouds/metal/metal.provider.js';
import type { NodeRequest } from '../../src/clouds/index.js';
import type { ImagesService } from '../../src/images/index.js';
import { factsOf } from '../../src/machines/testing/facts.js';
import { ReservationService, SubnetService } from '../../src/networks/index.js';
import { Datastores } from '../support/datastores.js';
import { type Inventory, inventoryOn, manualPower } from '../support/inventory.js';

let stores: Datastores;
let inventory: Inventory;
let subnets: SubnetService;
let metal: MetalProvider;

/** `front` is in the dmz by a lease, `back` in db by the address it was reached at, `both` by a reservation for its second card. */
beforeAll(async () => {
  stores = await Datastores.start();
  inventory = inventoryOn((await stores.createDatabase()).dataSource);
  subnets = new SubnetService(inventory.dataSource);
  metal = new MetalProvider(inventory.claims, {} as ImagesService, subnets);
  const dmz = await subnets.create({ name: 'rack1', cidr: '10.1.0.0/24', space: 'dmz' });
  await subnets.create({ name: 'rack2', cidr: '10.2.0.0/24', space: 'db' });
  const old = await subnets.create({ name: 'old', cidr: '10.3.0.0/24', space: 'old' });
  await readyMachine('back', ['52:54:00:00:00:02'], '10.2.0.7');
  await readyMachine('both', ['52:54:00:00:00:03', '52:54:00:00:00:04'], '10.1.0.7');
  await readyMachine('front', ['52:54:00:00:00:01'], null);
  await new ReservationService(inventory.dataSource, subnets).create('rack2', {
    mac: '52:54:00:00:00:04',
    address: '10.2.0.9',
  });
  // Its card was in another rack before: what came last counts.
  await lease(old.id, '10.3.0.5', '52:54:00:00:00:01', 3);
  await lease(dmz.id, '10.1.0.5', '52:54:00:00:00:01', 1);
});
afterAll(async () => {
  await inventory.dataSource.destroy();
  await stores.stop();
});

async function readyMachine(name: string, macs: string[], address: string | null): Promise<void> {
  const { id } = await inventory.machines.declare({ name, power: manualPower, macs }, 'test');
  const set = "update machine set state = 'ready', facts = $2, address = $3 where id = $1";
  await inventory.dataSource.query(set, [id, factsOf(), address]);
}

async function lease(subnet: string, address: string, mac: string, daysAgo: number): Promise<void> {
  await inventory.dataSource.query(
    `insert into lease (subnet_id, address, key, mac, state, granted_at, expires_at, fence)
     values ($1, $2, 'mac:' || $3, $3, 'active', now() - $4::int * interval '1 day', now(), 1)`,
    [subnet, address, mac, daysAgo],
  );
}

const preview = async (constraints: NodeRequest['constraints']) => {
  const [first] = await metal.preview([
    {
      ...{ deploymentId: 'd', deploymentName: 'web', key: '0', constraints, base: { os: 'debian', release: '12' } },
      ...{ container: { nesting: false, privileged: false }, layout: 'flat', authorizedKeys: [], hostname: 'web-0' },
    },
  ]);
  return first;
};

describe('spaces= on metal', () => {
  it.each([
    [['dmz'], 'both'],
    [['dmz', '^db'], 'front'],
    [['db', '^dmz'], 'back'],
    [['dmz', 'db'], 'both'],
    [['^dmz'], 'back'],
  ])('%j takes %s', async (spaces, machine) => {
    expect((await preview({ spaces }))?.choice).toBe(`${machine} (ready)`);
  });

  it('says of each machine why it is not where it should be', async () => {
    expect((await preview({ spaces: ['old'] }))?.misfits).toEqual([
      'back: is not in the space old: its cards were seen in rack2 (space db)',
      'both: is not in the space old: its cards were seen in rack1 (space dmz), rack2 (space db)',
      'front: is not in the space old: its cards were seen in rack1 (space dmz)',
    ]);
  });

  it('refuses a space that no subnet is in, also one to keep away from', async () => {
    for (const spaces of [['moon'], ['dmz', '^moon']])
      await expect(preview({ spaces })).rejects.toMatchObject({
        message: 'cannot choose a machine for node 0: no subnet is in the space moon',
        hint: expect.stringContaining('there are db, dmz, old') as string,
      });
  });

  it('holds for the machine that is taken, as its subnets are then', async () => {
    const request = { claim: 'web/0', deploymentId: null, owner: 'web', constraint: { spaces: ['dmz', '^db'] } };
    const front = await inventory.claims.claim(request);
    expect(front.name).toBe('front');
    await subnets.update('rack1', { space: 'lan' });
    await expect(inventory.claims.acquire(front, request)).rejects.toThrow(
      'cannot acquire front: is not in the space dmz: its cards were seen in rack1 (space lan)',
    );
    await subnets.update('rack1', { space: 'dmz' });
    expect((await inventory.claims.acquire(await inventory.machines.get('front'), request)).state).toBe('acquired');
  });
});
