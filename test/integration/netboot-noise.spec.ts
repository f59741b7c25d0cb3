import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BootRecorder } from '../../src/netboot/boot-recorder.js';
import { DhcpServer } from '../../src/netboot/dhcp/index.js';
import { TftpServer } from '../../src/netboot/tftp/index.js';
import { LeaseBook, SubnetService } from '../../src/networks/index.js';
import { BootSessions } from '../../src/machines/index.js';
import { runProcess } from '../../src/platform/process/index.js';
import { capturedLog, stacksIn } from '../support/captured-log.js';
import { Datastores } from '../support/datastores.js';
import { heldMebibytes } from '../support/heap.js';
import { addBridge, enterNewNetwork, Host, ip } from '../support/network-namespace.js';
import * as firmware from '../fixtures/dhcp-packets.js';

/** Another seed sends other noise. */
const SEED = 20_260_726;
const SERVER = '10.99.0.1';
const NOISE_AT_ONCE = 2000;
const MOST_GROWTH_MEBIBYTES = 48;
const dir = mkdtempSync(join(tmpdir(), 'muster-noise-'));
const { log, lines } = capturedLog();
let stores: Datastores;
let dataSource: DataSource;
let book: LeaseBook;
let recorder: BootRecorder;
let dhcp: DhcpServer;
let tftp: TftpServer;
let client: Host;
let attacker: Host;

beforeAll(async () => {
  await enterNewNetwork();
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
  await addBridge('br0', `${SERVER}/24`);
  client = await Host.plugInto('br0', 'noise-client', '52:54:00:ac:00:01');
  attacker = await Host.plugInto('br0', 'noise-attack', '52:54:00:ac:00:02');
  await ip('-n noise-client addr add 10.99.0.2/24 dev eth0');
  await ip('-n noise-attack addr add 10.99.0.3/24 dev eth0');
  const reserved = { dynamicRanges: ['10.99.0.100-10.99.0.250'], leaseSeconds: 120 };
  await new SubnetService(dataSource).create({ name: 'lab', cidr: '10.99.0.0/24', mode: 'serve', ...reserved });
  recorder = new BootRecorder(new BootSessions(dataSource), log);
  book = await LeaseBook.open({ dataSource, dir: join(dir, 'leases'), serverId: 'one', log });
  const common = { observer: recorder, log, interfaces: ['br0'], requestsPerSecondPerSource: 5000 };
  const answer = { kind: 'boot-file', file: 'snponly.efi', reason: 'test' } as const;
  dhcp = new DhcpServer({ ...common, leases: book, boot: { answerFor: () => answer } });
  writeFileSync(join(dir, 'snponly.efi'), Buffer.alloc(40_000, 7));
  const find = (name: string) => (name === 'snponly.efi' ? { path: join(dir, name) } : null);
  const whoIs = () => ({ mac: '52:54:00:ac:00:02', uuid: null });
  tftp = new TftpServer({ ...common, files: { find }, whoIs });
  await dhcp.start();
  await tftp.start();
  // A first client opens the subnet's table, before memory is measured.
  await bootedBy(client);
});

beforeEach(() => {
  lines.length = 0;
});

afterAll(async () => {
  await dhcp.stop();
  await tftp.stop();
  await recorder.close();
  await book.close();
  await client.remove();
  await attacker.remove();
  await dataSource.destroy();
  await stores.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Sends all of them from the attacker's port on the wire. */
async function flood(datagrams: readonly Uint8Array[], to: string, port: number, sourcePort?: number): Promise<void> {
  const helper = join(import.meta.dirname, '../support/udp-send.mjs');
  const stdin = datagrams.map((bytes) => `${Buffer.from(bytes).toString('base64')}\n`).join('');
  const from = sourcePort === undefined ? [] : [String(sourcePort)];
  const argv = attacker.argv(process.execPath, helper, to, String(port), ...from);
  await runProcess(argv, { stdin, timeoutMs: 60_000 });
}

/** What firmware does: an address, then its boot file. */
async function bootedBy(host: Host): Promise<void> {
  const dora = ['udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-t', '5', '-T', '1', '-s', '/bin/true'];
  await host.run(dora);
  const { stdout } = await host.run(['curl', '-sS', '--max-time', '20', `tftp://${SERVER}/snponly.efi`, '-o', '-']);
  expect(Buffer.byteLength(stdout)).toBe(40_000);
}

/** Nothing threw, nothing grew, and a proper client gets all it needs. */
async function expectUnharmed(before: number): Promise<void> {
  await bootedBy(client);
  expect(stacksIn(lines)).toEqual([]);
  expect(lines.filter((line) => /"level":(50|60)|cannot record/.test(line))).toEqual([]);
  lines.length = 0;
  expect(heldMebibytes() - before).toBeLessThan(MOST_GROWTH_MEBIBYTES);
}

const bytes = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength, size: 'max' });
const sample = (arbitrary: fc.Arbitrary<Uint8Array>, count = NOISE_AT_ONCE) =>
  fc.sample(arbitrary, { numRuns: count, seed: SEED });

/** A packet of real firmware with some bytes changed, cut off somewhere or with something behind it. */
const damaged = (good: readonly Buffer[]) =>
  fc
    .tuple(
      fc.constantFrom(...good),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 20 }),
      fc.option(fc.nat()),
      bytes(300),
    )
    .map(([packet, changes, cut, tail]) => {
      const copy = Buffer.concat([packet, tail]);
      for (const [at, value] of changes) copy[at % copy.length] = value;
      return cut === null ? copy : copy.subarray(0, cut % copy.length);
    });

/** A header that is right, with another hardware address each, and any options behind it. */
const anyOptions = fc
  .tuple(bytes(16), fc.array(fc.tuple(fc.integer({ min: 0, max: 255 }), bytes(255)), { maxLength: 40 }), fc.nat(8))
  .map(([hardware, options, type]) => {
    const head = Buffer.from(firmware.OVMF_PXE_DISCOVER.subarray(0, 240));
    head[2] = hardware.length;
    head.fill(0, 28, 44).set(hardware, 28);
    const rest = options.map(([code, value]) => Buffer.concat([Buffer.from([code, value.length]), value]));
    return Buffer.concat([head, Buffer.from([53, 1, type]), ...rest, Buffer.from([255])]).subarray(0, 1472);
  });

const oversized = fc
  .integer({ min: 1473, max: 65_507 })
  .map((size) => Buffer.concat([firmware.OVMF_PXE_DISCOVER, Buffer.alloc(size, 12)]).subarray(0, size));

describe(`DHCP under noise (seed ${SEED})`, () => {
  const kinds: [string, fc.Arbitrary<Uint8Array>, number][] = [
    ['random bytes', bytes(1472), NOISE_AT_ONCE],
    ["firmware's packets, damaged", damaged(Object.values(firmware)), NOISE_AT_ONCE],
    ['any options', anyOptions, NOISE_AT_ONCE],
    ['datagrams in many fragments', oversized, 100],
  ];

  it.each(kinds)('serves on after %s', async (_what, noise, count) => {
    const before = heldMebibytes();
    const datagrams = sample(noise, count);
    for (const port of [67, 4011]) await flood(datagrams, SERVER, port);
    await flood(datagrams.filter(({ length }) => length <= 1472).slice(0, 500), '255.255.255.255', 67);
    await expectUnharmed(before);
  });

  it('hears the noise at all', async () => {
    await flood(sample(bytes(1472), 50), SERVER, 67);
    await expect.poll(() => lines.filter((line) => line.includes('not a DHCP message')).length).toBe(50);
  });

  it('has no answer for port 0, to which nothing can be sent', async () => {
    const before = heldMebibytes();
    for (const port of [67, 4011])
      await flood([firmware.OVMF_PXE_DISCOVER, firmware.OVMF_PXE_REQUEST], SERVER, port, 0);
    await expectUnharmed(before);
  });

  it('takes what other servers seem to say for no more than talk', async () => {
    const before = heldMebibytes();
    const replies = sample(anyOptions).map((packet) => Buffer.concat([Buffer.from([2]), packet.subarray(1)]));
    await flood(replies, SERVER, 68);
    await expectUnharmed(before);
  });

  it('has leases in Postgres that Postgres can take', async () => {
    expect(await book.flush()).toBe(true);
    expect(book.backlog).toBe(0);
  });
});

const NUL = '\0';
const request = (...fields: string[]) => Buffer.from(`\0\x01${fields.map((field) => field + NUL).join('')}`, 'latin1');
const GOOD_REQUESTS = [
  request('snponly.efi', 'octet'),
  request('snponly.efi', 'netascii', 'blksize', '8', 'windowsize', '64', 'tsize', '0', 'timeout', '1'),
  request('snponly.efi', 'octet', 'blksize', '65464', 'windowsize', '65535'),
  Buffer.from([0, 2, 97, 0, 98, 0]),
  Buffer.from([0, 5, 0, 1, 97, 0]),
];
const anyName = fc
  .tuple(
    fc.constantFrom('../', '/', '//', 'C:\\', '..\\', '', '%2e%2e/', './', 'snponly.efi\n', '\x1b[2J', 'a'.repeat(600)),
    bytes(300).map((name) => Buffer.from(name).toString('latin1')),
    fc.constantFrom('octet', 'netascii', 'mail', '', 'OCTET'),
  )
  .map(([start, name, mode]) => request(start + name, mode));

describe(`TFTP under noise (seed ${SEED})`, () => {
  const kinds: [string, fc.Arbitrary<Uint8Array>, number][] = [
    ['random bytes', bytes(1472), NOISE_AT_ONCE],
    ['requests, damaged', damaged(GOOD_REQUESTS), NOISE_AT_ONCE],
    ['any names', anyName, NOISE_AT_ONCE],
    ['datagrams in many fragments', oversized, 100],
  ];

  it.each(kinds)('serves on after %s', async (_what, noise, count) => {
    const before = heldMebibytes();
    await flood(sample(noise, count), SERVER, 69);
    await expectUnharmed(before);
  });

  it.each([
    ['a read', request('snponly.efi', 'octet')],
    ['a read of nothing', request('nothing', 'octet')],
    ['a write', Buffer.from([0, 2, 97, 0, 98, 0])],
    ['a malformed request', Buffer.from([0, 1, 97, 98, 99])],
  ])('is not ended by %s from port 0, to which nothing can be sent', async (_what, packet) => {
    // Transfers that earlier noise began are given up after a while.
    await vi.waitUntil(() => tftp.transfersNow === 0, { timeout: 50_000 });
    const before = heldMebibytes();
    await flood([packet], SERVER, 69, 0);
    await expectUnharmed(before);
    expect(tftp.transfersNow).toBe(0);
  });

  it('writes down what it saw of all this', async () => {
    await recorder.close();
    // What a packet says must not keep the rest from being written.
    const [{ count }] = await dataSource.query<[{ count: number }]>('select count(*)::int as count from boot_event');
    expect(count).toBeGreaterThan(500);
  });
});
