import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Machine } from '../../src/machines/index.js';
import { factsOf } from '../../src/machines/testing/facts.js';
import type { ImagesService } from '../../src/images/index.js';
import {
  abandonSteps,
  commissionSteps,
  type CommissionOptions,
  deploySteps,
  machineHandlers,
  type OperationParts,
  OperationsService,
  releaseSteps,
} from '../../src/operations/index.js';
import type { RunView } from '../../src/pipeline/index.js';
import { type Plan, type StepSpec } from '../../src/plan/index.js';
import { PowerError } from '../../src/power/index.js';
import { BootServer } from '../support/boot-server.js';
import { Datastores } from '../support/datastores.js';
import type { FakeMachine } from '../support/fake-agent.js';
import { type Inventory, inventoryOn, manualPower } from '../support/inventory.js';
import { TestEngine } from '../support/pipeline-engine.js';
import { powerOf, ScriptedMachine } from '../support/scripted-machine.js';

// A whole operation takes seconds, and this computer may be doing other things as well.
vi.setConfig({ testTimeout: 300_000 });

let stores: Datastores;
let inventory: Inventory;
let server: BootServer;
let engine: TestEngine;
let parts: OperationParts;
const rack = new Map<string, ScriptedMachine>();

beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  inventory = inventoryOn((await stores.createDatabase()).dataSource);
  server = await BootServer.start(inventory, stores.dir);
  parts = {
    ...inventory,
    acceptSeconds: 2,
    power: powerOf(rack),
    images: {
      getSelected: () => Promise.resolve({ id: 'image' }),
      getDeployable: () => ({
        ...{ form: 'tar', compression: 'zstd', sha256: 'a'.repeat(64), os: 'debian', release: '12' },
        ...{ sizeBytes: 1e8, unpackedBytes: 5e8 },
      }),
    } as unknown as ImagesService,
    probe: () => {
      const isUp = [...rack.values()].some((machine) => machine.isUp);
      return Promise.resolve(isUp ? { kind: 'pinned' } : { kind: 'unreachable', reason: 'connection refused' });
    },
  };
  engine = newEngine().start();
});
afterEach(async () => {
  await Promise.all([...rack.values()].map((machine) => machine.stop()));
  await engine.stop();
  await server.stop();
  await inventory.dataSource.destroy();
  rack.clear();
});

function newEngine(): TestEngine {
  const { dataSource } = inventory;
  return new TestEngine({
    dataSource,
    redisUrl: stores.redis.url,
    prefix: `machines-${randomUUID()}`,
    handlers: machineHandlers({ ...parts, probe: (...args) => parts.probe!(...args) }),
  });
}

/** Declared by its power address alone, and standing in the rack, powered off. */
async function declare(name: string, more: Partial<FakeMachine> & { isDeaf?: boolean } = {}): Promise<Machine> {
  const number = (rack.size + 1).toString(16).padStart(2, '0');
  const { isDeaf, ...rest } = more;
  const machine = { mac: `52:54:00:00:00:${number}`, uuid: `7c1f4b9e-0000-4000-8000-0000000000${number}`, ...rest };
  const declared = await inventory.machines.declare({ name, power: manualPower }, 'test');
  rack.set(declared.id, new ScriptedMachine(server, machine, { isDeaf }));
  return declared;
}

async function runPlan(steps: StepSpec[], machineId: string): Promise<RunView> {
  const plan: Plan = { steps };
  const { id } = await engine.runs.submit(null, {
    subject: { kind: 'machine', id: machineId },
    action: 'test',
    title: 'test',
    plan,
    actor: 'test',
  });
  await expect
    .poll(async () => (await engine.runs.get(id)).status, { timeout: 120_000, interval: 250 })
    .toMatch(/succeeded|failed|needs-operator|paused/);
  return engine.runs.get(id);
}

const place = (machine: string, after: string[] = []) => ({ prefix: 'm', machine, after });
const commission = (machine: string, more: Partial<CommissionOptions> = {}) =>
  commissionSteps(place(machine), { again: false, tests: true, powerOff: true, ...more });
const wishes = {
  ...({ os: 'debian', release: '12', target: 'disk', layout: 'flat', hostname: 'web-0' } as const),
  ...{ authorizedKeys: ['ssh-ed25519 AAAA me'], disk: null, kernelArguments: [], userData: null },
};
const deploy = (machine: string, after: string[] = []) =>
  deploySteps(place(machine, after), { claim: 'prod/0', deploymentId: null, owner: 'test', constraint: {} }, wishes);
const commissionAndDeploy = (machine: string) => [
  ...commission(machine, { powerOff: false }),
  ...deploy(machine, ['m:commissioned']),
];
const acceptAll = () => inventory.rules.setAcceptRule('all', 'any', 'test');

describe('a declared machine', () => {
  it('is switched on, known by its UUID, accepted by a rule, commissioned, and switched off', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    const run = await runPlan(commission(id), id);
    expect(run.status).toBe('succeeded');
    const machine = await inventory.machines.get(id);
    expect(machine).toMatchObject({ name: 'node-1', state: 'ready', acceptedBy: 'rule all', failed: false });
    expect(machine.facts?.cpu.cores).toBe(1);
    expect(machine.nics.map((nic) => [nic.mac, nic.boot])).toEqual([['52:54:00:00:00:01', true]]);
    expect(rack.get(id)!.did).toEqual(['cycle', 'boot: enlist', 'facts', 'facts', 'test-memory', 'test-disk', 'off']);
  });

  it('goes from its power address to SSH in one plan, and stays in memory in between', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    const steps = commissionAndDeploy(id);
    expect((await runPlan(steps, id)).status).toBe('succeeded');
    const machine = await inventory.machines.get(id);
    expect(machine).toMatchObject({
      ...{ state: 'deployed', hostname: 'web-0', claim: 'prod/0', target: 'disk', everDeployed: true },
      ...{ hostKeys: ['ssh-ed25519 AAAA525400000001'], address: '127.0.0.1' },
    });
    expect(rack.get(id)!.did).toEqual([
      ...['cycle', 'boot: enlist', 'facts', 'facts', 'test-memory', 'test-disk'],
      ...['cycle', 'boot: deploy', 'install', 'reboot', 'boot: disk'],
    ]);
  });

  it("has the operator's user-data written, which no stored plan shows", async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    await runPlan(commission(id), id);
    const operations = new OperationsService(inventory.machines, inventory.orders, engine.runs, inventory.secrets);
    const userData = '#cloud-config\nchpasswd: {list: "root:hunter2"}\n';
    const { steps } = await operations.plan(id, { kind: 'deploy', wishes: { ...wishes, userData } }, 'test');
    expect(JSON.stringify(steps)).not.toMatch(/hunter2|chpasswd/);
    expect((await runPlan(steps, id)).status).toBe('succeeded');
    const [, , theirs = ''] = rack.get(id)!.userData.split('--==muster-user-data==');
    expect(Buffer.from(theirs.slice(theirs.indexOf('\n\n')), 'base64').toString()).toBe(userData);
  });

  it('that is not accepted waits for a person, and is not written to', async () => {
    const { id } = await declare('node-1');
    const run = await runPlan(commissionAndDeploy(id), id);
    const enlist = run.steps.find((step) => step.key === 'm:enlist');
    expect(enlist).toMatchObject({ status: 'needs-operator' });
    expect(await inventory.machines.get(id)).toMatchObject({ state: 'new', failed: true, acceptedAt: null });
    expect(rack.get(id)!.did.filter((what) => what === 'install')).toEqual([]);
  });

  it('whose driver cannot tell a UUID is known by being the one that was switched on', async () => {
    await acceptAll();
    const { id } = await declare('node-1', { uuid: null });
    expect((await runPlan(commission(id), id)).status).toBe('succeeded');
    expect(await inventory.machines.list()).toHaveLength(1);
  });
});

it('that is let go unreached is broken, nobody is asked, and its disk is erased before it is used again', async () => {
  await acceptAll();
  const { id } = await declare('node-1');
  await runPlan(commissionAndDeploy(id), id);
  const did = rack.get(id)!.did.length;
  expect((await runPlan(abandonSteps(place(id)), id)).status).toBe('succeeded');
  expect(rack.get(id)!.did).toHaveLength(did);
  const letGo = await inventory.machines.get(id);
  expect(letGo).toMatchObject({ state: 'broken', failed: true, claim: null, deploymentId: null, everDeployed: true });
  expect((await runPlan(releaseSteps(place(id), 'quick'), id)).status).toBe('succeeded');
  expect(rack.get(id)!.did.slice(did)).toContain('erase');
  expect(await inventory.machines.get(id)).toMatchObject({ state: 'ready', failed: false });
});

describe('an operation', () => {
  it('has nothing to do where its goal is reached', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    await runPlan(commissionAndDeploy(id), id);
    const did = rack.get(id)!.did.length;
    expect((await runPlan(commissionAndDeploy(id), id)).status).toBe('succeeded');
    expect(rack.get(id)!.did).toHaveLength(did);
  });

  it('goes on where another worker was killed in the middle', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    const { id: runId } = await engine.runs.submit(null, {
      ...{ subject: { kind: 'machine', id }, action: 'test', title: 'test', actor: 'test' },
      plan: { steps: commissionAndDeploy(id) },
    });
    await expect.poll(() => rack.get(id)!.did, { timeout: 60_000 }).toContain('test-memory');
    await engine.stop();
    engine = newEngine().start();
    await expect
      .poll(async () => (await engine.runs.get(runId)).status, { timeout: 120_000, interval: 250 })
      .toBe('succeeded');
    expect(rack.get(id)!.did.filter((what) => what === 'install')).toHaveLength(1);
  });

  it('releases a deployed machine: erased, free, off', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    await runPlan(commissionAndDeploy(id), id);
    rack.get(id)!.did.length = 0;
    expect((await runPlan(releaseSteps(place(id), 'quick'), id)).status).toBe('succeeded');
    expect(rack.get(id)!.did).toEqual(['cycle', 'boot: erase', 'erase', 'off']);
    const machine = await inventory.machines.get(id);
    expect(machine).toMatchObject({
      state: 'ready',
      claim: null,
      hostKeys: [],
      everDeployed: false,
      installedAt: null,
    });
  });

  it('that the agent cannot carry out fails with its words, and can be tried again', async () => {
    await acceptAll();
    const failure = { error: 'disk vda is smaller than the image', failure: 'permanent' as const };
    const failing = { install: failure } as FakeMachine['failing'];
    const { id } = await declare('node-1', { failing });
    const run = await runPlan(commissionAndDeploy(id), id);
    expect(run.status).toBe('failed');
    expect(await inventory.machines.get(id)).toMatchObject({
      ...{ state: 'deploying', failed: true, failedReason: failure.error, installedAt: null },
    });
    rack.get(id)!.machine.failing = undefined;
    await engine.runs.retry(run.id);
    await expect
      .poll(async () => (await engine.runs.get(run.id)).status, { timeout: 120_000, interval: 250 })
      .toBe('succeeded');
  });

  it('fails with what the power driver said', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    parts.power.cycle = () => Promise.reject(new PowerError('misconfigured', 'cannot log in: wrong password'));
    await engine.stop();
    engine = newEngine().start();
    const run = await runPlan(commission(id), id);
    expect(run.status).toBe('failed');
    expect((await inventory.machines.get(id)).failedReason).toContain('wrong password');
  });

  it('refuses a host that answers with a key the machine did not make', async () => {
    await acceptAll();
    const { id } = await declare('node-1');
    parts.probe = () => Promise.resolve({ kind: 'other', shown: 'AAAAother' });
    const run = await runPlan(commissionAndDeploy(id), id);
    expect(run.steps.find((step) => step.key === 'm:boot')).toMatchObject({ status: 'needs-operator' });
    expect((await inventory.machines.get(id)).state).toBe('deploying');
  });
});

describe('two operators', () => {
  const request = (claim: string) => ({ claim, deploymentId: null, owner: claim, constraint: {} });
  const readyMachine = async (name: string): Promise<Machine> => {
    const { id } = await inventory.machines.declare({ name, power: manualPower }, 'test');
    await inventory.dataSource.query("update machine set state = 'ready', facts = $2 where id = $1", [id, factsOf()]);
    return inventory.machines.get(id);
  };

  it('cannot both take one machine', async () => {
    const machine = await readyMachine('node-1');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) => inventory.claims.acquire(machine, request(`operator-${n}`))),
    );
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect((outcome.reason as Error).message).toMatch(/^cannot (acquire|change|go on)/);
  });

  it('who want any machine get one each, and the last one is told why there is none', async () => {
    for (let n = 1; n <= 4; n += 1) await readyMachine(`node-${n}`);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, n) => inventory.claims.claim(request(`prod/${n}`))),
    );
    const names = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.name] : []));
    expect(names.sort()).toEqual(['node-1', 'node-2', 'node-3', 'node-4']);
    expect(await inventory.claims.claim(request('prod/9')).catch((error: unknown) => String(error))).toContain(
      'cannot find a free machine for prod/9',
    );
  });

  it('who ask again with the same claim get the same machine', async () => {
    await readyMachine('node-1');
    await readyMachine('node-2');
    const first = await inventory.claims.claim(request('prod/0'));
    expect((await inventory.claims.claim(request('prod/0'))).id).toBe(first.id);
  });

  it('who decided on the same version: the second is refused', async () => {
    const machine = await readyMachine('node-1');
    await inventory.machines.markBroken(machine, 'smells of smoke', 'one');
    await expect(inventory.machines.retire(machine, 'two')).rejects.toThrow(/someone else changed it/);
    const events = await inventory.machines.events(machine.id);
    expect(events.map((event) => `${event.kind} by ${event.actor}`)).toEqual(['declared by test', 'state by one']);
  });
});

describe('the inventory', () => {
  it('keeps secret power parameters sealed', async () => {
    const power = { driver: 'ipmi', parameters: { address: '10.0.0.5' }, secrets: { password: 'hunter2' } };
    const { id } = await inventory.machines.declare({ name: 'node-1', power }, 'test');
    const [row] = await inventory.dataSource.query<object[]>('select * from machine where id = $1', [id]);
    expect(JSON.stringify(row)).not.toContain('hunter2');
    expect(await inventory.machines.powerTarget(id)).toEqual({
      machineId: id,
      driver: 'ipmi',
      parameters: { address: '10.0.0.5', password: 'hunter2' },
    });
  });

  it('refuses a name, UUID or MAC that another machine has', async () => {
    const uuid = '7c1f4b9e-0000-4000-8000-000000000001';
    await inventory.machines.declare({ name: 'node-1', power: manualPower, uuid, macs: ['52:54:00:00:00:01'] }, 'test');
    const again = (more: object) => inventory.machines.declare({ name: 'node-2', power: manualPower, ...more }, 'test');
    await expect(again({ name: 'node-1' })).rejects.toThrow(/its name/);
    await expect(again({ uuid })).rejects.toThrow(/its UUID/);
    await expect(again({ macs: ['52-54-00-00-00-01'] })).rejects.toThrow(/its MAC/);
    await expect(again({ name: 'No Host' })).rejects.toThrow(/^cannot name/);
  });

  it('knows a machine whose firmware swaps the bytes of its UUID', async () => {
    const { id } = await inventory.machines.declare(
      { name: 'node-1', power: manualPower, uuid: '44454c4c-4200-1035-8050-b7c04f383532' },
      'test',
    );
    const seen = {
      uuid: '4C4C4544-0042-3510-8050-B7C04F383532',
      ...{ macs: [], bootMac: '52:54:00:00:00:09', architecture: 'amd64', firmware: 'uefi' as const },
    };
    const machine = await inventory.dataSource.transaction((manager) => inventory.enlistment.enlist(manager, seen));
    expect(machine).toMatchObject({ id, state: 'new', firmware: 'uefi' });
  });

  it('tags machines by rule, and again when the rules change', async () => {
    const { id } = await inventory.machines.declare({ name: 'node-1', power: manualPower }, 'test');
    await inventory.dataSource.query("update machine set state = 'ready' where id = $1", [id]);
    await inventory.enlistment.storeFacts(id, factsOf({ cores: 16 }));
    await inventory.rules.setTagRule('big', 'facts.cpu.cores >= 16', 'test');
    expect((await inventory.machines.get(id)).ruleTags).toEqual(['big']);
    await inventory.rules.removeTagRule('big');
    expect((await inventory.machines.get(id)).ruleTags).toEqual([]);
  });

  it('deletes no machine that it holds', async () => {
    const { id } = await inventory.machines.declare({ name: 'node-1', power: manualPower }, 'test');
    await inventory.dataSource.query("update machine set state = 'deployed' where id = $1", [id]);
    await expect(inventory.machines.remove(id, 'test')).rejects.toThrow(/it is deployed/);
    await inventory.dataSource.query("update machine set state = 'new' where id = $1", [id]);
    await inventory.machines.remove(id, 'test');
    expect(await inventory.machines.find(id)).toBeNull();
  });
});
