import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { addCable, enterNewNetwork, type Host } from '../support/network-namespace.js';
import { goal, median, round, type Bench } from './bench.js';
import { fetchPeers, listensTcp, ownProgram, peer, RunningServer } from './peers.js';

const IMAGE_BYTES = 1 << 30;
const CLIENTS = 8;
const ROUNDS = 5;
const SERVER = '10.98.0.1';

/** A way to the image: what must run for it, and the address to fetch. */
interface Way {
  name: string;
  url: string;
  servers: { argv: string[]; port: number }[];
}

/** An image of random bytes where muster's store would have it. Gives its hash. */
async function storeImage(dir: string): Promise<string> {
  const path = join(dir, 'image');
  const file = createWriteStream(path);
  const hash = createHash('sha256');
  for (let written = 0; written < IMAGE_BYTES; written += 1 << 24) {
    const bytes = randomBytes(1 << 24);
    hash.update(bytes);
    if (!file.write(bytes)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  const sha256 = hash.digest('hex');
  const folder = join(dir, 'sha256', sha256.slice(0, 2));
  mkdirSync(folder, { recursive: true });
  renameSync(path, join(folder, sha256));
  return sha256;
}

function nginx(dir: string): string[] {
  const configuration = `
    daemon off; worker_processes auto; user root; pid ${dir}/nginx.pid; error_log stderr error;
    events { worker_connections 1024; }
    http {
      access_log off; sendfile on; tcp_nopush on; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
      fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
      server { listen ${SERVER}:8080; location /plain/ { alias ${dir}/sha256/; } }
      server {
        listen ${SERVER}:8081;
        location / { proxy_pass http://127.0.0.1:7480; }
        location /muster-images/ { internal; alias ${dir}/sha256/; }
      }
    }`;
  writeFileSync(join(dir, 'nginx.conf'), configuration);
  return peer('nginx', 'nginx', '-p', dir, '-c', join(dir, 'nginx.conf'), '-e', 'stderr');
}

/** All bytes of one download, checked; also brings the image into the page cache. */
async function check(client: Host, url: string, sha256: string): Promise<void> {
  const { stdout } = await client.run(['sh', '-c', 'curl -sSf "$0" | sha256sum', url], { timeoutMs: 120_000 });
  if (!stdout.startsWith(sha256)) throw new Error(`${url} gives other bytes`);
}

/** Seconds until all of `count` clients have every byte of it. */
async function fetchAtOnce(client: Host, url: string, count: number): Promise<number> {
  const script = `for n in $(seq ${count}); do curl -sSf -o /dev/null -w '%{size_download}\\n' "$0" & done; wait`;
  const begin = performance.now();
  const { stdout } = await client.run(['sh', '-c', script, url], { timeoutMs: 120_000 });
  const seconds = (performance.now() - begin) / 1000;
  const whole = stdout.split('\n').filter((line) => Number(line) === IMAGE_BYTES).length;
  if (whole !== count) throw new Error(`only ${whole} of ${count} clients got the whole image`);
  return seconds;
}

async function measure(way: Way, client: Host, sha256: string): Promise<{ one: number; all: number }> {
  const running: RunningServer[] = [];
  try {
    for (const { argv, port } of way.servers) running.push(await RunningServer.start(argv, () => listensTcp(port)));
    await check(client, way.url, sha256);
    const gibibytes = IMAGE_BYTES / 2 ** 30;
    return {
      one: gibibytes / (await fetchAtOnce(client, way.url, 1)),
      all: (CLIENTS * gibibytes) / (await fetchAtOnce(client, way.url, CLIENTS)),
    };
  } finally {
    for (const server of running.reverse()) await server.stop();
  }
}

function waysTo(dir: string, sha256: string): Way[] {
  const path = `${sha256.slice(0, 2)}/${sha256}`;
  const front = { argv: nginx(dir), port: 8080 };
  const muster = (...prefix: string[]) => ({ argv: ownProgram('boot-server.ts', 'http', dir, ...prefix), port: 7480 });
  const handOff = [muster('/muster-images'), front];
  return [
    { name: 'nginx', url: `http://${SERVER}:8080/plain/${path}`, servers: [front] },
    { name: 'muster', url: `http://${SERVER}:7480/boot/images/${sha256}`, servers: [muster()] },
    { name: 'muster, handed off to nginx', url: `http://${SERVER}:8081/boot/images/${sha256}`, servers: handOff },
  ];
}

export const bench: Bench = {
  name: 'http',
  async run(say) {
    await fetchPeers(['nginx']);
    await enterNewNetwork();
    const client = await addCable('wire-bench', `${SERVER}/16`, '10.98.0.2/16');
    const dir = mkdtempSync(join(tmpdir(), 'muster-bench-'));
    chmodSync(dir, 0o755);
    const figures = new Map<string, { one: number; all: number }[]>();
    const of = (name: string, what: 'one' | 'all') => median((figures.get(name) ?? []).map((figure) => figure[what]));
    try {
      const sha256 = await storeImage(dir);
      const ways = waysTo(dir, sha256);
      for (let turn = 1; turn <= ROUNDS; turn++) {
        for (const way of ways) {
          const figure = await measure(way, client, sha256);
          figures.set(way.name, [...(figures.get(way.name) ?? []), figure]);
          say(`round ${turn} of ${ROUNDS}: ${way.name}: ${round(figure.all)} GiB/s to ${CLIENTS} clients`);
        }
      }
    } finally {
      await client.remove();
      rmSync(dir, { recursive: true, force: true });
    }
    const ratio = (name: string) => of(name, 'all') / of('nginx', 'all');
    return {
      load:
        `An image of ${IMAGE_BYTES / 2 ** 30} GiB from the page cache, by curl to one client and to ${CLIENTS} at once; every client must ` +
        `have every byte, and the bytes of one download before each measurement are checked by their hash; a veth ` +
        `between two namespaces, clients and server on the same ${cpus().length} cores; medians of ${ROUNDS} rounds.`,
      results: [...figures.keys()].map((name) => ({
        server: name,
        'one client, GiB/s': round(of(name, 'one')),
        [`${CLIENTS} clients, GiB/s`]: round(of(name, 'all')),
        'of nginx': round(ratio(name)),
      })),
      goals: [
        goal(`${CLIENTS} clients, pure Node: of nginx`, ratio('muster'), 0.6),
        goal(`${CLIENTS} clients, handed off: of nginx`, ratio('muster, handed off to nginx'), 0.9),
      ],
    };
  },
};
