import { mkdtempSync, readFileSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BootAnswer, BootEvent } from '../../src/netboot/boot-client.js';
import { checkOtherDhcp } from '../../src/local/doctor/network.js';
import { DhcpServer, probeDhcpServers, type DhcpServerOptions } from '../../src/netboot/dhcp/index.js';
import { LeaseBook, LeaseService, ReservationService, SubnetService } from '../../src/networks/index.js';
import { loadSettings } from '../../src/platform/config/index.js';
import { runProcess } from '../../src/platform/process/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { capturedLog } from '../support/captured-log.js';
import { Datastores } from '../support/datastores.js';
import { addBridge, enterNewNetwork, Host, ip } from '../support/network-namespace.js';

const MAC = '52:54:00:aa:00:01';
const MAC_FAR = '52:54:00:aa:00:02';
let stores: Datastores;
let dataSource: DataSource;
let subnets: SubnetService;
let book: LeaseBook;
let server: DhcpServer;
let near: Host;
let far: Host;
let relay: Host;
const events: BootEvent[] = [];
const answer: BootAnswer = { kind: 'nothing', reason: 'test' };
const children: ChildProcess[] = [];
const dir = mkdtempSync(join(tmpdir(), 'muster-dhcp-'));

async function startServer(more: Partial<DhcpServerOptions> = {}): Promise<void> {
  book = await LeaseBook.open({ dataSource, dir: join(dir, 'leases'), serverId: 'one', log: silentLogger });
  server = new DhcpServer({
    leases: book,
    boot: { answerFor: () => answer },
    observer: { seen: (event) => events.push(event) },
    log: silentLogger,
    interfaces: [],
    requestsPerSecondPerSource: 200,
    ...more,
  });
  await server.start();
}

async function stopServer(): Promise<void> {
  await server.stop();
  await book.close();
}

beforeAll(async () => {
  await enterNewNetwork();
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
  subnets = new SubnetService(dataSource);
  await addBridge('br0', '10.99.0.1/24');
  await addBridge('br1', '10.97.0.1/24');
  near = await Host.plugInto('br0', 'wire-near', MAC);
  far = await Host.plugInto('br0', 'wire-far', MAC_FAR);
  relay = await Host.plugInto('br0', 'wire-relay', '52:54:00:aa:00:03');
  await subnets.create({
    name: 'lab',
    cidr: '10.99.0.0/24',
    mode: 'serve',
    gateway: '10.99.0.1',
    dns: ['10.99.0.53'],
    dynamicRanges: ['10.99.0.100-10.99.0.110'],
    leaseSeconds: 120,
  });
  await subnets.create({
    name: 'second',
    cidr: '10.97.0.0/24',
    mode: 'serve',
    dynamicRanges: ['10.97.0.100-10.97.0.110'],
  });
  await subnets.create({
    name: 'behind',
    cidr: '10.98.0.0/24',
    mode: 'serve',
    dynamicRanges: ['10.98.0.100-10.98.0.110'],
  });
  await startServer();
});

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  events.length = 0;
});

afterAll(async () => {
  await stopServer();
  for (const host of [near, far, relay]) await host.remove();
  await dataSource.destroy();
  await stores.stop();
});

/** What udhcpc was told, by its script's environment. */
async function udhcpc(host: Host, ...args: string[]): Promise<Record<string, string>> {
  const script = join(dir, 'udhcpc-script');
  writeFileSync(script, '#!/bin/sh\nif [ "$1" = bound ] || [ "$1" = renew ]; then env; fi\nexit 0\n');
  chmodSync(script, 0o755);
  const { stdout } = await host.run([
    'udhcpc',
    '-i',
    'eth0',
    '-q',
    '-n',
    '-f',
    '-t',
    '4',
    '-T',
    '1',
    '-s',
    script,
    ...args,
  ]);
  return Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/).slice(0, 2) as [string, string]));
}

describe('real clients', () => {
  it('udhcpc gets an address, its network, and the same again', async () => {
    const told = await udhcpc(near);
    expect(told).toMatchObject({ ip: '10.99.0.100', router: '10.99.0.1', dns: '10.99.0.53', mask: '24', lease: '120' });
    expect(await udhcpc(near, '-C')).toMatchObject({ ip: '10.99.0.100' });
    expect(await udhcpc(near, '-x', '61:ff00112233')).toMatchObject({ ip: '10.99.0.100' });
    expect(events.map((event) => event.stage)).toContain('dhcp ack');
  });

  it('udhcpc asks for an address and gets it where it is free', async () => {
    expect(await udhcpc(far, '-r', '10.99.0.105')).toMatchObject({ ip: '10.99.0.105' });
    expect(await udhcpc(far, '-r', '10.99.0.100')).toMatchObject({ ip: '10.99.0.105' });
  });

  it('dhclient binds and releases', async () => {
    const leases = join(dir, 'dhclient.leases');
    const flags = ['-4', '-sf', '/bin/true', '-lf', leases, '-pf', join(dir, 'dhclient.pid')];
    await near.run(['dhclient', '-1', ...flags, 'eth0']);
    expect(readFileSync(leases, 'utf8')).toMatch(/fixed-address 10\.99\.0\.100;/);
    await ip('-n wire-near addr add 10.99.0.100/24 dev eth0');
    await near.run(['dhclient', '-r', ...flags, 'eth0']);
    await ip('-n wire-near addr flush dev eth0');
    await expect.poll(async () => (await leaseRows())['10.99.0.100']).toBe('released');
  });

  it('udhcpc renews by unicast', async () => {
    const script = join(dir, 'udhcpc-address');
    writeFileSync(script, '#!/bin/sh\n[ "$1" = bound ] && ip addr replace $ip/$mask dev $interface\necho "$1 $ip"\n');
    chmodSync(script, 0o755);
    const child = spawn('ip', near.argv('udhcpc', '-i', 'eth0', '-f', '-t', '4', '-T', '1', '-s', script).slice(1));
    children.push(child);
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text.toString()));
    await expect.poll(() => said, { timeout: 5000 }).toMatch(/bound 10\.99\.0\.100/);
    child.kill('SIGUSR1');
    await expect.poll(() => said, { timeout: 5000 }).toMatch(/renew 10\.99\.0\.100/);
    child.kill('SIGTERM');
    await ip('-n wire-near addr flush dev eth0');
  });

  it('a client on the second bridge gets an address of that bridge', async () => {
    const host = await Host.plugInto('br1', 'wire-second', '52:54:00:aa:00:09');
    try {
      expect(await udhcpc(host)).toMatchObject({ ip: '10.97.0.100' });
    } finally {
      await host.remove();
    }
  });

  it('a reservation holds for its MAC', async () => {
    const reservations = new ReservationService(dataSource, subnets);
    const { id } = await reservations.create('lab', { mac: MAC, address: '10.99.0.50', hostname: 'node-1' });
    await book.refresh();
    expect(await udhcpc(near)).toMatchObject({ ip: '10.99.0.50', hostname: 'node-1' });
    await reservations.remove(id);
    await book.refresh();
    expect(await udhcpc(near)).toMatchObject({ ip: '10.99.0.101' });
  });
});

async function leaseRows(): Promise<Record<string, string>> {
  await book.flush();
  const rows = await new LeaseService(dataSource).list();
  return Object.fromEntries(rows.map((row) => [row.address, row.state]));
}

describe('behind a relay', () => {
  it('a client gets an address of its own subnet', async () => {
    // The relay has a second leg, to a client that hears nothing of our bridge.
    await ip('-n wire-relay addr add 10.99.0.3/24 dev eth0');
    await ip('netns add wire-hidden');
    await ip('-n wire-relay link add eth1 type veth peer name eth0 netns wire-hidden');
    await ip('-n wire-relay addr add 10.98.0.1/24 dev eth1');
    await ip('-n wire-relay link set eth1 up');
    await ip('-n wire-hidden link set eth0 up');
    await ip('route add 10.98.0.0/24 via 10.99.0.3');
    const helper = join(import.meta.dirname, '../support/dhcp-relay.mjs');
    const child = spawn('ip', [
      'netns',
      'exec',
      'wire-relay',
      process.execPath,
      helper,
      'eth1',
      '10.98.0.1',
      '10.99.0.1',
    ]);
    children.push(child);
    await new Promise((resolve) => child.stdout.once('data', resolve));
    try {
      const client = ['udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-t', '4', '-T', '1', '-s', join(dir, 'udhcpc-script')];
      const { stdout } = await runProcess(['ip', 'netns', 'exec', 'wire-hidden', ...client], { timeoutMs: 30_000 });
      expect(stdout).toMatch(/^ip=10\.98\.0\.100$/m);
    } finally {
      await ip('netns del wire-hidden');
    }
  });
});

describe('beside another server', () => {
  it('asks for it by itself, where it gives the addresses, and takes the question for no machine', async () => {
    const { log, lines } = capturedLog();
    const warnings = () => lines.filter((line) => line.includes('another DHCP server answers here'));
    await stopServer();
    await startServer({ log, lookForOthersMs: 300 });
    const before = await leaseRows();
    try {
      // Its own answer, and its own question, are nothing to tell.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(warnings()).toEqual([]);
      await ip('-n wire-far addr add 10.99.0.9/24 dev eth0');
      const script = join(import.meta.dirname, '../support/dhcp-other.mjs');
      const other = spawn('ip', far.argv(process.execPath, script, '10.99.0.9').slice(1));
      children.push(other);
      await new Promise((resolve) => other.stdout.once('data', resolve));
      await expect.poll(warnings, { timeout: 10_000 }).not.toEqual([]);
      expect(JSON.parse(warnings()[0]!)).toMatchObject({ interface: 'br0', otherServer: '10.99.0.9', type: 'offer' });
      expect(events).toEqual([]);
      expect(await leaseRows()).toEqual(before);
      // Beside another server it is no news.
      await subnets.update('lab', { mode: 'proxy' });
      await book.refresh();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const told = warnings().length;
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(warnings()).toHaveLength(told);
    } finally {
      await subnets.update('lab', { mode: 'serve' });
      await ip('-n wire-far addr flush dev eth0');
      await stopServer();
      await startServer();
    }
  });

  it('the probe finds it, and us', async () => {
    await ip('-n wire-far addr add 10.99.0.9/24 dev eth0');
    const other = spawn(
      'ip',
      far.argv(process.execPath, join(import.meta.dirname, '../support/dhcp-other.mjs'), '10.99.0.9').slice(1),
    );
    children.push(other);
    await new Promise((resolve) => other.stdout.once('data', resolve));
    const found = await probeDhcpServers('br0', 700);
    const settings = loadSettings({ MUSTER_ROLES: 'boot', MUSTER_BOOT_INTERFACES: 'br0' });
    const [finding] = await checkOtherDhcp(settings);
    await ip('-n wire-far addr flush dev eth0');
    expect(found.map(({ server: address, own }) => [address, own])).toEqual([
      ['10.99.0.1', true],
      ['10.99.0.9', false],
    ]);
    expect(finding).toMatchObject({ status: 'warning', message: 'another server answers: 10.99.0.9' });
    expect(events.map((event) => event.message)).toContain('10.99.0.9 answered too: offer');
  });
});

describe('faults', () => {
  it('serves while Postgres is down, and carries its leases there afterwards', async () => {
    const before = await leaseRows();
    expect(before['10.99.0.105']).toBe('active');
    await dataSource.destroy();
    expect(await udhcpc(far)).toMatchObject({ ip: '10.99.0.105' });
    const host = await Host.plugInto('br0', 'wire-new', '52:54:00:aa:00:0a');
    try {
      const { ip: address } = await udhcpc(host);
      expect(book.backlog).toBeGreaterThan(0);
      await dataSource.initialize();
      await expect.poll(async () => (await leaseRows())[address ?? ''], { timeout: 10_000 }).toBe('active');
    } finally {
      await host.remove();
    }
  });

  it('knows its leases after a restart, also without Postgres', async () => {
    await stopServer();
    await dataSource.destroy();
    await startServer();
    expect(await udhcpc(far)).toMatchObject({ ip: '10.99.0.105' });
    await dataSource.initialize();
  });

  it('a second boot server waits until the first is gone, then knows its leases', async () => {
    await book.refresh();
    await book.flush();
    const other = await LeaseBook.open({ dataSource, dir: join(dir, 'other'), serverId: 'two', log: silentLogger });
    const lab = other.subnets().find((it) => it.name === 'lab')!;
    const client = { mac: MAC_FAR, uuid: null, clientId: null, hostname: null };
    expect(await other.offer(lab, client, null)).toBeNull();
    await stopServer();
    await expect
      .poll(() => other.refresh().then(() => other.offer(lab, client, null)), { timeout: 10_000 })
      .toBe(0x0a630069);
    await other.close();
    await startServer();
  });
});
