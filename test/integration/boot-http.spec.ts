import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { factsOf } from '../../src/machines/testing/facts.js';
import { runProcess } from '../../src/platform/process/index.js';
import { BootServer, INITRD, KERNEL } from '../support/boot-server.js';
import { Datastores } from '../support/datastores.js';
import { FakeAgent, type FakeMachine } from '../support/fake-agent.js';
import { type Inventory, inventoryOn, manualPower } from '../support/inventory.js';

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

const newMachine = (): FakeMachine => {
  const hex = count.toString(16).padStart(2, '0');
  return { mac: `52:54:00:00:01:${hex}`, uuid: `7c1f4b9e-0000-4000-8000-0000000000${hex}` };
};
const curl = async (...args: string[]) => (await runProcess(['curl', '-sS', '--max-time', '10', ...args])).stdout;
const statusOf = (path: string, ...args: string[]) =>
  curl('-o', '/dev/null', '-w', '%{http_code}', ...args, `${server.bootUrl}${path}`);
const eventsOf = async (name: string) => {
  const machine = await inventory.machines.get(name);
  return (await inventory.machines.events(machine.id)).map((event) => `${event.level} ${event.kind}`);
};

describe('boot files over HTTP', () => {
  it('are served by exact name, described to HEAD, and in ranges', async () => {
    const url = `${server.bootUrl}/boot/files/snponly.efi`;
    expect(await curl(url)).toBe('iPXE\n');
    expect(await curl('--head', url)).toMatch(/200 OK[^]*content-length: 5/i);
    expect(await curl('-r', '1-2', url)).toBe('PX');
  });

  it.each([
    '/boot/files/../../etc/passwd',
    '/boot/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd',
    '/boot/files//etc/passwd',
    '/boot/files/snponly.efi%00.txt',
    '/boot/files/nothing.efi',
    `/boot/files/${'a'.repeat(5000)}`,
    '/boot/images/../../etc/passwd',
    `/boot/images/${'0'.repeat(64)}`,
    '/boot/ipxe/not-a-mac',
    '/boot/ipxe/00:00:00:00:00:00',
    `/boot/n/${'A'.repeat(43)}/vmlinuz`,
    '/boot/%zz',
    '/',
  ])('are not looked for elsewhere: %s', async (path) => {
    expect(await statusOf(path, '--path-as-is')).toBe('404');
  });

  it('are read-only', async () => {
    expect(await statusOf('/boot/files/snponly.efi', '-X', 'PUT', '-d', 'x')).toBe('405');
    expect(await statusOf('/boot/files/snponly.efi', '-X', 'DELETE')).toBe('405');
  });

  it("hold muster's certificate and the stub of GRUB", async () => {
    expect(await curl(`${server.bootUrl}/boot/ca.pem`)).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(await curl(`${server.bootUrl}/boot/files/grub/grub.cfg`)).toContain('configfile (http,127.0.0.1');
  });
});

describe('a machine that nobody knows', () => {
  it('boots, is enlisted and measured, and is then sent away', async () => {
    const agent = new FakeAgent(server, newMachine());
    const script = await agent.script();
    expect(script).toContain('muster.purpose=enlist');
    expect(script).toContain(`BOOTIF=01-${agent.machine.mac.replaceAll(':', '-')} console=ttyS0`);
    expect(await curl(`${server.bootUrl}/boot/n/${agent.nonce}/vmlinuz`)).toBe(KERNEL);
    expect(await curl(`${server.bootUrl}/boot/n/${agent.nonce}/initrd`)).toBe(INITRD);
    expect((await agent.open()).status).toBe(200);
    const order = await agent.nextOrder(25);
    expect(order).toMatchObject({ kind: 'facts', parameters: {} });
    if (typeof order === 'string') return;
    await agent.carryOut(order);
    expect(await agent.nextOrder()).toBe('over');
    const machine = await inventory.machines.get(`machine-${agent.machine.mac.replaceAll(':', '').slice(6)}`);
    expect(machine).toMatchObject({ state: 'new', uuid: agent.machine.uuid, acceptedAt: null, architecture: 'amd64' });
    expect(machine.facts?.memoryMegabytes).toBe(1024);
    expect(await agent.nextOrder()).toBe('over');
  });

  it('gets a nonce of its own with every script, none with a HEAD, and GRUB gets as much', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.script();
    const first = agent.nonce;
    await agent.script();
    expect(agent.nonce).not.toBe(first);
    const head = await curl('--head', `${server.bootUrl}/boot/ipxe/${agent.machine.mac}`);
    const body = await curl(`${server.bootUrl}/boot/ipxe/${agent.machine.mac}`);
    expect(head).toContain(`content-length: ${body.length}`);
    const grub = await curl(`${server.bootUrl}/boot/grub/${agent.machine.mac}/grub.cfg`);
    expect(grub).toMatch(/linux \(http,127\.0\.0\.1:\d+\)\/boot\/n\/[A-Za-z0-9_-]{43}\/vmlinuz/);
  });

  it('leaves its trace in a boot session', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.boot();
    await curl(`${server.bootUrl}/boot/n/${agent.nonce}/vmlinuz`, '-o', '/dev/null');
    const { id } = await inventory.machines.get(`machine-${agent.machine.mac.replaceAll(':', '').slice(6)}`);
    await expect
      .poll(async () => (await inventory.sessions.seenSince(id, new Date(0))).map((event) => event.stage))
      .toEqual(['script', 'agent']);
  });

  it('is remembered for a month, and what came under a MAC of nobody for a day', async () => {
    const { id } = await inventory.machines.declare(
      { name: `node-${++count}`, power: manualPower, macs: ['52:54:00:0d:00:01'] },
      'test',
    );
    const now = new Date();
    const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
    const seen = { stage: 'dhcp ack', uuid: null, address: null, message: 'gave an address', details: {} } as const;
    for (const [mac, days] of [
      ['52:54:00:0d:00:01', 31],
      ['52:54:00:0d:00:01', 29],
      ['52:54:00:0d:00:02', 2],
      ['52:54:00:0d:00:02', 0],
    ] as const)
      await inventory.sessions.record([{ ...seen, mac, at: daysAgo(days) }]);
    await inventory.sessions.forgetOld(now);
    expect((await inventory.sessions.list(id)).map(({ lastAt }) => lastAt)).toEqual([daysAgo(29)]);
    const left = await inventory.dataSource.query<{ last_at: Date }[]>(
      "select last_at from boot_session where mac = '52:54:00:0d:00:02'",
    );
    expect(left.map((row) => row.last_at)).toEqual([now]);
  });
});

describe('a card that two machines show', () => {
  it('is asked about, once a day, though the second one is given nothing to boot', async () => {
    const mac = '52:54:00:0d:00:03';
    const uuid = '3f1c2d4e-0000-4000-8000-00000000000a';
    const { id } = await inventory.machines.declare(
      { name: `node-${++count}`, power: manualPower, macs: [mac], uuid },
      'test',
    );
    const at = new Date();
    const seen = { stage: 'dhcp offer', mac, at, address: null, message: 'nothing to boot', details: {} } as const;
    const swappedBytes = '4e2d1c3f-0000-0040-8000-00000000000a';
    const questions = async () =>
      inventory.dataSource.query<{ level: string; details: unknown }[]>(
        "select level, details from machine_event where machine_id = $1 and kind = 'mac-conflict' order by id",
        [id],
      );
    await inventory.sessions.record([uuid, swappedBytes, null].map((told) => ({ ...seen, uuid: told })));
    expect(await questions()).toEqual([]);
    const twin = '3f1c2d4e-0000-4000-8000-00000000000b';
    await inventory.sessions.record([{ ...seen, uuid: twin }]);
    await inventory.sessions.record([{ ...seen, uuid: twin }]);
    const question = { level: 'question', details: { mac, uuid: twin } };
    expect(await questions()).toEqual([question]);
    await inventory.sessions.record([{ ...seen, uuid: twin, at: new Date(at.getTime() + 86_400_001) }]);
    expect(await questions()).toEqual([question, question]);
  });
});

describe('a hostile network', () => {
  it('cannot exchange a nonce twice: that raises an alert', async () => {
    const agent = new FakeAgent(server, newMachine());
    await inventory.machines.declare(
      { name: `node-${count}`, power: manualPower, uuid: agent.machine.uuid ?? undefined },
      'test',
    );
    await agent.boot();
    const thief = new FakeAgent(server, agent.machine);
    thief.nonce = agent.nonce;
    expect((await thief.open()).status).toBe(401);
    expect(await eventsOf(`node-${count}`)).toContain('alert nonce-replayed');
    expect((await agent.nextOrder()) as object).toMatchObject({ kind: 'facts' });
    expect(await statusOf(`/boot/n/${agent.nonce}/initrd`)).toBe('404');
  });

  it('cannot use the script of one machine for another', async () => {
    const agent = new FakeAgent(server, newMachine());
    await inventory.machines.declare(
      { name: `node-${count}`, power: manualPower, uuid: agent.machine.uuid ?? undefined },
      'test',
    );
    await agent.script();
    expect((await agent.open({ uuid: '7c1f4b9e-1111-4000-8000-000000000000' })).status).toBe(409);
    expect(await eventsOf(`node-${count}`)).toContain('alert identity');
  });

  it('cannot pass a second machine off by its MAC: that is a question', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.boot();
    const name = `machine-${agent.machine.mac.replaceAll(':', '').slice(6)}`;
    const second = new FakeAgent(server, { mac: agent.machine.mac, uuid: '7c1f4b9e-2222-4000-8000-000000000000' });
    expect(await second.script()).toContain('nothing to boot here');
    // A client that hides its UUID until the agent tells it comes no further.
    second.machine.uuid = null;
    await second.script();
    expect((await second.open({ uuid: '7c1f4b9e-2222-4000-8000-000000000000' })).status).toBe(409);
    expect(await inventory.machines.get(name)).toMatchObject({ uuid: agent.machine.uuid });
  });

  it('learns nothing without a token, or with a wrong one', async () => {
    const agent = new FakeAgent(server, newMachine());
    expect((await agent.call('GET', '/agent/v1/order')).status).toBe(401);
    agent.token = 'x'.repeat(43);
    expect((await agent.call('GET', '/agent/v1/order')).status).toBe(401);
    agent.nonce = 'y'.repeat(43);
    expect((await agent.open()).status).toBe(401);
  });

  it('cannot speak of the orders of another machine', async () => {
    const [mine, other] = [new FakeAgent(server, newMachine()), new FakeAgent(server, newMachine())];
    other.machine.mac = '52:54:00:00:02:01';
    other.machine.uuid = null;
    await mine.boot();
    await other.boot();
    const order = await mine.nextOrder();
    if (typeof order === 'string') throw new Error(order);
    expect((await other.result(order.id, { ok: true, output: {} })).status).toBe(404);
  });

  it('cannot send more than we take, nor what we do not understand', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.boot();
    const order = await agent.nextOrder();
    if (typeof order === 'string') throw new Error(order);
    const path = `/agent/v1/orders/${order.id}`;
    const post = async (end: string, body: string) =>
      (await agent.call('POST', `${path}/${end}`, body).catch(() => ({ status: 400 }))).status;
    expect(await post('log?offset=0', 'x'.repeat(300_000))).toBe(400);
    expect(await post('progress', 'x'.repeat(100_000))).toBe(400);
    expect(await post('progress', '{"percent": 900}')).toBe(400);
    expect(await post('result', '{"ok": "maybe"}')).toBe(400);
    expect(await post('result', 'not json')).toBe(400);
    expect(await post('log?offset=-1', 'x')).toBe(400);
    expect(await post('log?offset=0', 'NUL \0 is text too')).toBe(204);
    expect((await agent.nextOrder()) as object).toMatchObject({ id: order.id });
  });

  it('cannot keep a machine from being measured by what its firmware says', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.script();
    expect((await agent.open({ agentVersion: 'a\0b' })).status).toBe(200);
    const order = await agent.nextOrder();
    if (typeof order === 'string') throw new Error(order);
    const text = 'NUL \0 and half a pair \ud800';
    const progress = { percent: 1, message: text };
    expect((await agent.call('POST', `/agent/v1/orders/${order.id}/progress`, progress)).status).toBe(204);
    const facts = factsOf({ mac: agent.machine.mac, uuid: agent.machine.uuid ?? undefined });
    facts.system.serial = text;
    expect((await agent.result(order.id, { ok: true, output: { facts } })).status).toBe(204);
    const machine = await inventory.machines.get(`machine-${agent.machine.mac.replaceAll(':', '').slice(6)}`);
    expect(machine.facts?.system.serial).toBe('NUL \uFFFD and half a pair \uFFFD');
  });

  it('cannot make it fall over with what is no HTTP', async () => {
    for (const noise of [
      '\0\0\0\0',
      'GET\r\n\r\n',
      `GET /${'a'.repeat(50_000)} HTTP/1.1\r\n\r\n`,
      'POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
    ]) {
      await new Promise<void>((resolve) => {
        const socket = connect(server.httpPort, '127.0.0.1', () => socket.end(noise));
        socket
          .on('error', () => undefined)
          .on('close', () => resolve())
          .resume();
      });
    }
    expect(await curl(`${server.bootUrl}/boot/files/snponly.efi`)).toBe('iPXE\n');
  });

  it('is slowed down a source at a time', async () => {
    const slow = await BootServer.start(inventory, stores.dir, { requestsPerSecondPerSource: 1 });
    const url = `${slow.bootUrl}/boot/files/snponly.efi`;
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(url)).status));
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(5);
    await slow.stop();
  });
});

describe('the log of an order', () => {
  it('is stored once however often a piece is sent, and comes back in order', async () => {
    const agent = new FakeAgent(server, newMachine());
    await agent.boot();
    const order = await agent.nextOrder();
    if (typeof order === 'string') throw new Error(order);
    const send = (offset: number, text: string) =>
      agent.call('POST', `/agent/v1/orders/${order.id}/log?offset=${offset}`, text);
    await send(6, 'second\n');
    await send(0, 'first\n');
    await send(6, 'second\n');
    const pieces = await inventory.orders.logAfter(order.id, 0);
    expect(pieces.map((piece) => piece.content).join('')).toBe('first\nsecond\n');
  });
});

describe('cloud-init', () => {
  const seedOf = (token: string) => ({
    metaData: 'instance-id: i\n',
    userData: `#cloud-config\n# ${token}\n`,
    networkConfig: 'version: 2\n',
  });

  it('gets its documents until it has phoned home; a replay raises an alert', async () => {
    const { id, name } = await inventory.machines.declare({ name: `node-${count}`, power: manualPower }, 'test');
    const { token } = await inventory.tokens.issue(id, seedOf, 600);
    expect(await curl(`${server.bootUrl}/metadata/v1/${token}/meta-data`)).toBe('instance-id: i\n');
    expect(await curl(`${server.bootUrl}/metadata/v1/${token}/user-data`)).toContain(token);
    expect(await statusOf(`/metadata/v1/${token}/vendor-data`)).toBe('200');
    expect(await statusOf(`/metadata/v1/${token}/phone-home`, '-d', 'instance_id=i')).toBe('204');
    expect(await statusOf(`/metadata/v1/${token}/user-data`)).toBe('401');
    expect(await statusOf(`/metadata/v1/${token}/phone-home`, '-d', 'x')).toBe('401');
    expect(await eventsOf(name)).toContain('alert metadata-replayed');
    expect((await inventory.machines.get(id)).address).toBe('127.0.0.1');
  });

  it('is given nothing after its window, from another address, or with a token that a newer one ended', async () => {
    const { id } = await inventory.machines.declare({ name: `node-${count}`, power: manualPower }, 'test');
    const old = await inventory.tokens.issue(id, seedOf, 600);
    const { token } = await inventory.tokens.issue(id, seedOf, 600);
    expect(await statusOf(`/metadata/v1/${old.token}/user-data`)).toBe('401');
    expect(await statusOf(`/metadata/v1/${token}/user-data`)).toBe('200');
    await expect(inventory.tokens.seedFor(token, '10.0.0.66')).rejects.toThrow(/belongs to 127\.0\.0\.1/);
    const late = await inventory.tokens.issue(id, seedOf, -1);
    expect(await statusOf(`/metadata/v1/${late.token}/meta-data`)).toBe('401');
  });
});
