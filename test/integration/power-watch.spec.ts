import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Machine, MachineEvent } from '../../src/machines/index.js';
import { PowerWatch } from '../../src/operations/index.js';
import type { PowerState } from '../../src/power/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { Datastores } from '../support/datastores.js';
import { type Inventory, inventoryOn, manualPower } from '../support/inventory.js';

let stores: Datastores;
let inventory: Inventory;
let now: Date;
let states: Map<string, PowerState | Error>;
let asked: string[];

beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  inventory = inventoryOn((await stores.createDatabase()).dataSource);
  now = new Date('2026-11-26T10:00:00Z');
  states = new Map();
  asked = [];
});

async function declare(name: string, state: PowerState | Error): Promise<string> {
  const { id } = await inventory.machines.declare({ name, power: manualPower }, 'test');
  states.set(id, state);
  return id;
}

function newWatch(): PowerWatch {
  const status = (machineId: string): Promise<PowerState> => {
    asked.push(machineId);
    const state = states.get(machineId) ?? new Error('no such machine');
    return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
  };
  const clock = { ...inventory.clock, now: () => now };
  return new PowerWatch({ ...inventory, power: { status }, clock, log: silentLogger }, 60_000);
}

it('looks at each machine once a minute, also where several watch', async () => {
  const on = await declare('on', 'on');
  const off = await declare('off', 'off');
  const deaf = await declare('deaf', new Error('no answer'));
  const watches = [newWatch(), newWatch(), newWatch()];
  const looked = await Promise.all(watches.map((watch) => watch.look()));
  expect(looked.reduce((sum, count) => sum + count)).toBe(3);
  expect([...asked].sort()).toEqual([on, off, deaf].sort());
  const readings = await inventory.readings.statesOf([on, off, deaf]);
  expect([on, off, deaf].map((id) => readings.get(id))).toEqual(['on', 'off', 'unknown']);
  now = new Date(now.getTime() + 59_000);
  expect(await newWatch().look()).toBe(0);
  now = new Date(now.getTime() + 2_000);
  expect(await newWatch().look()).toBe(3);
});

it('notes that a deployed machine went off, once', async () => {
  const id = await declare('web', 'on');
  const idle = await declare('idle', 'on');
  await inventory.dataSource.getRepository(Machine).update({ id }, { state: 'deployed' });
  for (const state of ['on', 'off', 'off'] as const) {
    states.set(id, state).set(idle, state);
    await newWatch().look();
    now = new Date(now.getTime() + 61_000);
  }
  const events = await inventory.dataSource.getRepository(MachineEvent).findBy({ kind: 'power' });
  expect(events.map(({ machineId, level, message }) => [machineId, level, message])).toEqual([
    [id, 'warning', 'its power is off, although it is deployed'],
  ]);
});
