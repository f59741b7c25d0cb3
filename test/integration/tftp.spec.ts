import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { BootEvent } from '../../src/netboot/boot-client.js';
import { openUdp, type UdpOptions, type UdpSocket } from '../../src/platform/socket/index.js';
import { TftpServer, type TftpServerOptions } from '../../src/netboot/tftp/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { decodeTftp, encodeTftp, type TftpPacket } from '../../src/protocol/tftp/index.js';
import { addBridge, enterNewNetwork, Host, ip } from '../support/network-namespace.js';

const dir = mkdtempSync(join(tmpdir(), 'muster-tftp-'));
const contents: Record<string, Buffer> = {
  'snponly.efi': randomBytes(173_792),
  'exact.bin': randomBytes(512 * 8),
  'empty.bin': Buffer.alloc(0),
  'text.txt': Buffer.from('one\ntwo\n'),
  'large.bin': randomBytes(40 * 1024 * 1024),
};
const events: BootEvent[] = [];
let server: TftpServer;
let client: Host;

beforeAll(async () => {
  await enterNewNetwork();
  await addBridge('br0', '10.99.0.1/24');
  client = await Host.plugInto('br0', 'wire-tftp', '52:54:00:ab:00:01');
  await ip('-n wire-tftp addr add 10.99.0.2/24 dev eth0');
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(dir, name), content);
  server = new TftpServer(options);
  await server.start();
});

const options: TftpServerOptions = {
  files: { find: (name) => (name in contents ? { path: join(dir, name) } : null) },
  content: (name) =>
    Promise.resolve(
      name === 'autoexec.ipxe'
        ? { source: Buffer.from('#!ipxe\nexit\n'), stage: 'boot file' as const, label: name }
        : null,
    ),
  observer: { seen: (event) => events.push(event) },
  whoIs: (address) => (address === '10.99.0.2' ? { mac: '52:54:00:ab:00:01', uuid: null } : null),
  log: silentLogger,
  interfaces: [],
  requestsPerSecondPerSource: 2000,
  transfersPerSource: 2000,
};

/** Every fiftieth packet of a transfer is lost on its way out. */
async function openLossy(udp: UdpOptions): Promise<UdpSocket> {
  const { socket } = await openUdp(udp);
  const send = socket.send.bind(socket) as (bytes: Buffer) => void;
  let sent = 0;
  if (udp.port === 0) {
    socket.send = (bytes: unknown) => {
      if (++sent % 50 !== 0) send(bytes as Buffer);
    };
  }
  // Without a descriptor packets go one by one, so that one is lost and not a window.
  return { socket, fd: null };
}

beforeEach(() => {
  events.length = 0;
});

afterAll(async () => {
  await server.stop();
  await client.remove();
  rmSync(dir, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const got = () => readFileSync(join(dir, 'got'));

describe('real clients get every byte', () => {
  it.each(['snponly.efi', 'exact.bin', 'autoexec.ipxe'])('curl: %s', async (name) => {
    await client.run(['curl', '-s', '-S', '-o', join(dir, 'got'), `tftp://10.99.0.1/${name}`]);
    expect(sha256(got())).toBe(sha256(contents[name] ?? Buffer.from('#!ipxe\nexit\n')));
  });

  it('curl without options, and with small blocks', async () => {
    await client.run(['curl', '-s', '--tftp-no-options', '-o', join(dir, 'got'), 'tftp://10.99.0.1/snponly.efi']);
    expect(sha256(got())).toBe(sha256(contents['snponly.efi']!));
    await client.run(['curl', '-s', '--tftp-blksize', '8', '-o', join(dir, 'got'), 'tftp://10.99.0.1/exact.bin']);
    expect(sha256(got())).toBe(sha256(contents['exact.bin']!));
  });

  it('tftp-hpa in binary and in text mode', async () => {
    await client.run(['tftp', '-m', 'binary', '10.99.0.1', '-c', 'get', 'snponly.efi', join(dir, 'got')]);
    expect(sha256(got())).toBe(sha256(contents['snponly.efi']!));
    await client.run(['tftp', '-m', 'ascii', '10.99.0.1', '-c', 'get', 'text.txt', join(dir, 'got')]);
    expect(got().toString()).toBe('one\ntwo\n');
    // curl 7.88 fails on an empty file, whatever the server.
    await client.run(['tftp', '-m', 'binary', '10.99.0.1', '-c', 'get', 'empty.bin', join(dir, 'got')]);
    expect(got()).toHaveLength(0);
  });

  it.each([1, 4, 16, 64])('atftp with windows of %i, beyond 65535 blocks', async (window) => {
    const options = ['--option', 'blksize 512', '--option', `windowsize ${window}`];
    await client.run(['atftp', ...options, '-g', '-r', 'large.bin', '-l', join(dir, 'got'), '10.99.0.1']);
    expect(sha256(got())).toBe(sha256(contents['large.bin']!));
    expect(events.at(-1)).toMatchObject({
      stage: 'boot file',
      mac: '52:54:00:ab:00:01',
      details: { file: 'large.bin', bytes: contents['large.bin']!.length, aborted: false },
    });
  });

  it('atftp in windows, where one packet in fifty is lost', async () => {
    const lossy = new TftpServer({ ...options, port: 1069, open: openLossy });
    await lossy.start();
    const flags = ['--option', 'blksize 1468', '--option', 'windowsize 16', '--option', 'timeout 1'];
    await client.run(['atftp', ...flags, '-g', '-r', 'snponly.efi', '-l', join(dir, 'got'), '10.99.0.1', '1069']);
    expect(sha256(got())).toBe(sha256(contents['snponly.efi']!));
    expect(events.at(-1)?.details['repeated']).toBeGreaterThan(0);
    await lossy.stop();
  });

  it('a thousand at once', async () => {
    const script = join(import.meta.dirname, '../support/tftp-clients.mjs');
    const { stdout } = await client.run([process.execPath, script, '10.99.0.1', 'snponly.efi', '1000'], {
      timeoutMs: 60_000,
    });
    expect(JSON.parse(stdout)).toEqual({ whole: 1000, failed: 0, bytes: 173_792 });
    expect(server.transfersNow).toBe(0);
  });
});

/** One request from our side of the cable; the first answer. */
async function ask(packet: TftpPacket | Buffer): Promise<TftpPacket | undefined> {
  const socket = createSocket('udp4');
  const answer = new Promise<Buffer | null>((resolve) => {
    socket.once('message', resolve);
    setTimeout(() => resolve(null), 300);
  });
  socket.send(Buffer.isBuffer(packet) ? packet : encodeTftp(packet), 69, '10.99.0.1');
  const bytes = await answer;
  socket.close();
  return bytes === null ? undefined : decodeTftp(bytes).packet;
}

const read = (name: string): TftpPacket => ({ kind: 'read', name, mode: 'octet', options: new Map() });

describe('refusals', () => {
  it.each([
    '../../etc/passwd',
    '/etc/passwd',
    'nothing',
    'snponly.efi/',
    './snponly.efi',
    '..\\boot.ini',
    'SNPONLY.EFI',
  ])('%s is no such file', async (name) => {
    expect(await ask(read(name))).toMatchObject({ kind: 'error', code: 1 });
    expect(events.at(-1)?.message).toMatch(/there is no such file/);
  });

  it('a slash in front, as GRUB has it, is the same file', async () => {
    expect(await ask(read('/text.txt'))).toMatchObject({ kind: 'data', block: 1 });
  });

  it('a write is refused', async () => {
    expect(await ask({ ...read('snponly.efi'), kind: 'write' } as TftpPacket)).toMatchObject({
      kind: 'error',
      code: 2,
    });
    await expect(
      client.run(['tftp', '10.99.0.1', '-c', 'put', join(dir, 'text.txt'), 'text.txt']),
    ).resolves.toMatchObject({
      stdout: expect.stringContaining('nothing is written here') as string,
    });
  });

  it('an unknown mode and malformed requests are refused', async () => {
    expect(await ask({ ...read('text.txt'), mode: 'mail' } as TftpPacket)).toMatchObject({ kind: 'error', code: 4 });
    expect(await ask(Buffer.from('\0\x01text.txt\0'))).toMatchObject({ kind: 'error', code: 4 });
    expect(await ask(Buffer.from(`\0\x01${'a'.repeat(400)}\0octet\0`))).toMatchObject({ kind: 'error', code: 4 });
  });

  it('noise has no answer, and the server lives', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.from([9, 9, 9, 9]), randomBytes(1400), Buffer.from([0, 4, 0, 1])]) {
      expect(await ask(bytes)).toBeUndefined();
    }
    expect(await ask(read('text.txt'))).toMatchObject({ kind: 'data' });
  });
});

describe('what was seen', () => {
  it('a size probe, as OVMF does it, is no fault', async () => {
    const socket = createSocket('udp4');
    socket.send(
      encodeTftp({ ...read('snponly.efi'), options: new Map([['tsize', '0']]) } as TftpPacket),
      69,
      '10.99.0.1',
    );
    const port = await new Promise<number>((resolve) => socket.once('message', (_bytes, from) => resolve(from.port)));
    socket.send(encodeTftp({ kind: 'error', code: 8, message: 'User aborted the transfer' }), port, '10.99.0.1');
    await expect.poll(() => events.at(-1)?.details).toMatchObject({ probe: true, aborted: false, bytes: 0 });
    socket.close();
  });

  it('why a client gave up is told in its words, as far as they are fit for a terminal', async () => {
    const socket = createSocket('udp4');
    socket.send(encodeTftp(read('large.bin')), 69, '10.99.0.1');
    const port = await new Promise<number>((resolve) => socket.once('message', (_bytes, from) => resolve(from.port)));
    const message = `disk full\x1b[2J${'!'.repeat(60_000)}`;
    socket.send(encodeTftp({ kind: 'error', code: 3, message }), port, '10.99.0.1');
    const told = () => events.map((event) => event.message).find((text) => text.includes('error 3'));
    await expect.poll(told).toMatch(/error 3: disk full\?\[2J!+$/);
    expect(told()?.length).toBeLessThan(300);
    socket.close();
  });

  it('a client that goes away in the middle is told with the bytes it took', async () => {
    events.length = 0;
    const child = spawn(
      'ip',
      client.argv('curl', '-s', '--limit-rate', '200k', '-o', '/dev/null', 'tftp://10.99.0.1/large.bin').slice(1),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    execFileSync('kill', ['-9', String(child.pid)]);
    await expect
      .poll(() => events.at(-1)?.details, { timeout: 20_000 })
      .toMatchObject({ aborted: true, file: 'large.bin' });
    await expect.poll(() => server.transfersNow).toBe(0);
  });

  it('a file that was replaced is sent anew', async () => {
    contents['new.bin'] = Buffer.from('before');
    writeFileSync(join(dir, 'new.bin'), 'before');
    expect(await ask(read('new.bin'))).toMatchObject({ data: Buffer.from('before') });
    writeFileSync(join(dir, 'new.bin'), 'afterwards');
    expect(await ask(read('new.bin'))).toMatchObject({ data: Buffer.from('afterwards') });
  });
});
