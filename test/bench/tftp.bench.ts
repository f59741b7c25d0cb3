import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { addCable, enterNewNetwork, type Host } from '../support/network-namespace.js';
import { goal, median, round, type Bench, type Row } from './bench.js';
import { fetchPeers, listens, ownProgram, peer, RunningServer } from './peers.js';

const MEBIBYTES = 64;
const BOOT_FILE_BYTES = 256 * 1024;
const ROUNDS = 3;
const SERVER = '10.98.0.1';
const CROWDS = [200, 1000];

interface Server {
  name: string;
  windows: readonly number[];
  argv: (folder: string) => string[];
}

const SERVERS: readonly Server[] = [
  { name: 'muster', windows: [1, 16, 64], argv: (folder) => ownProgram('boot-server.ts', 'tftp', folder) },
  {
    name: 'tftpd-hpa',
    windows: [1],
    argv: (folder) => peer('tftpd-hpa', 'in.tftpd', '-L', '-4', '-u', 'root', '-a', `${SERVER}:69`, '-s', folder),
  },
  {
    name: 'atftpd',
    windows: [1, 16, 64],
    argv: (folder) =>
      peer(
        'atftpd',
        'atftpd',
        '--daemon',
        '--no-fork',
        '--maxthread',
        '2000',
        '--user',
        'root',
        '--bind-address',
        SERVER,
        folder,
      ),
  },
  {
    name: 'dnsmasq',
    windows: [1],
    argv: (folder) => {
      const tftp = ['--enable-tftp', `--tftp-root=${folder}`, '--tftp-max=2000'];
      return peer(
        'dnsmasq-base',
        'dnsmasq',
        '-k',
        '-C',
        '/dev/null',
        '-p',
        '0',
        '-u',
        'root',
        '--listen-address',
        SERVER,
        ...tftp,
      );
    },
  },
];

/** Figures by `server what`: MiB/s of one stream by window, then clients served and seconds of a crowd. */
class Figures {
  private readonly values = new Map<string, number[]>();

  add(server: string, what: string, value: number): void {
    const key = `${server} ${what}`;
    this.values.set(key, [...(this.values.get(key) ?? []), value]);
  }

  median(server: string, what: string): number | null {
    const values = this.values.get(`${server} ${what}`);
    return values === undefined ? null : median(values);
  }
}

async function oneStream(client: Host, folder: string, window: number, sha256: string): Promise<number> {
  const target = join(folder, '..', 'got');
  const options = ['--option', 'blksize 1468', ...(window === 1 ? [] : ['--option', `windowsize ${window}`])];
  const begin = performance.now();
  await client.run(['atftp', ...options, '-g', '-r', 'large.bin', '-l', target, SERVER], { timeoutMs: 120_000 });
  const seconds = (performance.now() - begin) / 1000;
  const hash = createHash('sha256');
  await pipeline(createReadStream(target), hash);
  if (hash.digest('hex') !== sha256) throw new Error('a client got other bytes');
  return MEBIBYTES / seconds;
}

async function crowd(client: Host, count: number): Promise<{ served: number; seconds: number }> {
  const script = join(import.meta.dirname, '../support/tftp-clients.mjs');
  const begin = performance.now();
  const argv = [process.execPath, script, SERVER, 'boot.bin', String(count), '--one-request'];
  const { stdout } = await client.run(argv, { timeoutMs: 180_000 });
  const { whole } = JSON.parse(stdout) as { whole: number };
  return { served: whole, seconds: (performance.now() - begin) / 1000 };
}

async function measure(server: Server, client: Host, folder: string, sha256: string, figures: Figures): Promise<void> {
  const running = await RunningServer.start(server.argv(folder), () => listens(69));
  try {
    for (const window of server.windows) {
      figures.add(server.name, `window ${window}`, await oneStream(client, folder, window, sha256));
    }
    for (const count of CROWDS) {
      const { served, seconds } = await crowd(client, count);
      figures.add(server.name, `of ${count}`, served);
      figures.add(server.name, `seconds ${count}`, seconds);
    }
  } finally {
    await running.stop();
  }
}

function rowOf(name: string, figures: Figures): Row {
  const speed = (window: number) => {
    const value = figures.median(name, `window ${window}`);
    return value === null ? 'no support' : round(value);
  };
  const served = (count: number) => figures.median(name, `of ${count}`);
  const seconds = (count: number) => round(figures.median(name, `seconds ${count}`) ?? 0);
  return {
    server: name,
    'lockstep MiB/s': speed(1),
    'window 16 MiB/s': speed(16),
    'window 64 MiB/s': speed(64),
    ...Object.fromEntries(
      CROWDS.flatMap(
        (n) =>
          [
            [`of ${n}`, served(n)],
            [`${n} in s`, seconds(n)],
          ] as [string, Row[string]][],
      ),
    ),
  };
}

export const bench: Bench = {
  name: 'tftp',
  async run(say) {
    await fetchPeers(['tftpd-hpa', 'atftpd', 'dnsmasq-base']);
    await enterNewNetwork();
    const client = await addCable('wire-bench', `${SERVER}/16`, '10.98.0.2/16');
    const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
    const folder = mkdtempSync(join(dir, 'files-'));
    const large = randomBytes(MEBIBYTES * 1024 * 1024);
    writeFileSync(join(folder, 'large.bin'), large, { mode: 0o644 });
    writeFileSync(join(folder, 'boot.bin'), randomBytes(BOOT_FILE_BYTES), { mode: 0o644 });
    const sha256 = createHash('sha256').update(large).digest('hex');
    const figures = new Figures();
    try {
      for (let turn = 1; turn <= ROUNDS; turn++) {
        for (const server of SERVERS) {
          say(`round ${turn} of ${ROUNDS}: ${server.name}`);
          await measure(server, client, folder, sha256, figures);
        }
      }
    } finally {
      await client.remove();
      rmSync(dir, { recursive: true, force: true });
    }
    const of = (name: string, what: string) => figures.median(name, what) ?? 0;
    return {
      load:
        `${MEBIBYTES} MiB by atftp with blksize 1468, then ${CROWDS.join(' and ')} clients at once for ${BOOT_FILE_BYTES / 1024} KiB, ` +
        `each asking once, in lockstep; a veth between two namespaces, ${cpus().length} cores; medians of ${ROUNDS} rounds.`,
      results: SERVERS.map(({ name }) => rowOf(name, figures)),
      goals: [
        goal('window 16: level with atftpd', of('muster', 'window 16') / of('atftpd', 'window 16'), 0.95),
        goal('clients served of 1000 at once', of('muster', 'of 1000'), 1000),
        goal(
          'moonshot: window 16 against tftpd-hpa in lockstep',
          of('muster', 'window 16') / of('tftpd-hpa', 'window 1'),
          3,
        ),
      ],
    };
  },
};
