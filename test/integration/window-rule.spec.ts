import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MachineState, OrderParameters } from '../../src/machines/index.js';
import { BootServer } from '../support/boot-server.js';
import { Datastores } from '../support/datastores.js';
import { FakeAgent } from '../support/fake-agent.js';
import { type Inventory, inventoryOn, manualPower } from '../support/inventory.js';

/** In the orders' parameters; nobody but the machine that is meant may ever read it. */
const SECRET = 'correct horse battery staple';
const seed = { metaData: 'instance-id: i\n', userData: `#cloud-config\n# ${SECRET}\n`, networkConfig: 'version: 2\n' };
const image = {
  ...({ form: 'tar', compression: 'none', sha256: '0'.repeat(64), sizeBytes: 1 } as const),
  ...{ url: 'http://boot.example/image', os: 'debian', release: '12' },
};
const disk = { path: null, serial: null, minimumBytes: 1 };
const common = { image, seed, hostname: 'n', authorizedKeys: [SECRET] };
const ORDERS: {
  [Kind in 'install' | 'boot-ram' | 'rescue']: { state: MachineState; parameters: OrderParameters<Kind> };
} = {
  install: { state: 'deploying', parameters: { ...common, disk, layout: 'flat', kernelArguments: [] } },
  'boot-ram': { state: 'deploying', parameters: common },
  rescue: { state: 'rescue', parameters: { authorizedKeys: [SECRET] } },
};
const KINDS = Object.keys(ORDERS) as (keyof typeof ORDERS)[];

let stores: Datastores;
let inventory: Inventory;
let server: BootServer;
let count = 0;
beforeAll(async () => {
  stores = await Datastores.start();
  inventory = inventoryOn((await stores.createDatabase()).dataSource);
  server = await BootServer.start(inventory, stores.dir);
});
afterAll(async () => {
  await server.stop();
  await inventory.dataSource.destroy();
  await stores.stop();
});
beforeEach(() => {
  count += 1;
});

/** A machine in this state with an order that waits for its agent. */
async function machineWith(
  kind: keyof typeof ORDERS,
  more: { state?: MachineState; accepted?: boolean } = {},
): Promise<{ id: string; agent: FakeAgent; key: string }> {
  const hex = count.toString(16).padStart(2, '0');
  const [mac, uuid] = [`52:54:00:00:03:${hex}`, `7c1f4b9e-0000-4000-8000-0000000003${hex}`];
  const { id } = await inventory.machines.declare(
    { name: `node-${count}`, power: manualPower, uuid, macs: [mac] },
    'test',
  );
  const { state = ORDERS[kind].state, accepted = true } = more;
  await inventory.dataSource.query('update machine set state = $2, accepted_at = $3, target = $4 where id = $1', [
    ...[id, state, accepted ? new Date() : null, kind === 'boot-ram' ? 'ram' : 'disk'],
  ]);
  const key = `order ${count}`;
  const { parameters } = ORDERS[kind];
  await inventory.orders.enqueue({
    machineId: id,
    key,
    kind: kind,
    parameters,
    timeoutSeconds: 60,
  });
  return { id, key, agent: new FakeAgent(server, { mac, uuid }) };
}

async function expectRefused({ agent, key }: { agent: FakeAgent; key: string }, why: RegExp): Promise<void> {
  const { text } = await agent.call('GET', '/agent/v1/order');
  expect(text).not.toContain(SECRET);
  const order = await inventory.orders.find(key);
  expect(order).toMatchObject({ status: 'failed', result: { ok: false, failure: 'permanent' } });
  expect((order?.result as { error: string } | undefined)?.error).toMatch(why);
}

const NOT_OURS = /muster did not switch the machine on for this boot/;

describe.each(KINDS)('the order %s', (kind) => {
  it("goes to a boot inside the window of muster's own power-on", async () => {
    const it = await machineWith(kind);
    await inventory.machines.openWindow(it.id, 600);
    await it.agent.boot();
    const order = await it.agent.nextOrder();
    expect(order).toMatchObject({ kind });
    expect(JSON.stringify(order)).toContain(SECRET);
  });

  it('is refused to a machine that muster did not switch on', async () => {
    const it = await machineWith(kind);
    await it.agent.boot();
    await expectRefused(it, NOT_OURS);
  });

  it('is refused to one that began to boot after the window', async () => {
    const it = await machineWith(kind);
    await inventory.machines.openWindow(it.id, -1);
    await it.agent.boot();
    await expectRefused(it, NOT_OURS);
  });

  it('is refused to one that had its script before muster switched it on', async () => {
    const it = await machineWith(kind);
    await it.agent.script();
    await inventory.machines.openWindow(it.id, 600);
    expect((await it.agent.open()).status).toBe(200);
    await expectRefused(it, NOT_OURS);
  });

  it('is refused to an enlisting one, inside the window too', async () => {
    const it = await machineWith(kind, { state: 'new' });
    await inventory.machines.openWindow(it.id, 600);
    await it.agent.boot();
    await expectRefused(it, /an enlisting machine is given no secrets/);
  });
});

it.each(['install', 'erase'] as const)('%s is refused to a machine that was not accepted', async (kind) => {
  const it = await machineWith('install', { accepted: false });
  if (kind === 'erase') {
    await inventory.orders.cancel(it.key);
    it.key = `erase ${count}`;
    const parameters = { mode: 'quick' } as const;
    await inventory.orders.enqueue({ machineId: it.id, key: it.key, kind, parameters, timeoutSeconds: 60 });
  }
  await inventory.machines.openWindow(it.id, 600);
  await it.agent.boot();
  await expectRefused(it, /not accepted: nothing may be written/);
});

it('seals the parameters of an order at rest', async () => {
  const { key } = await machineWith('install');
  const [row] = await inventory.dataSource.query<object[]>('select * from agent_order where key = $1', [key]);
  expect(JSON.stringify(row)).not.toContain(SECRET);
});
