import 'reflect-metadata';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { ArtifactFetchHandler, ArtifactPins } from '../../src/artifacts/index.js';
import { ArtifactCache } from '../../src/artifacts/artifact-cache.js';
import { ContentStore } from '../../src/images/index.js';
import { step, type JsonObject } from '../../src/plan/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { Datastores } from '../support/datastores.js';
import { eventually, TestEngine } from '../support/pipeline-engine.js';

let stores: Datastores;
let dataSource: DataSource;
let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: IncomingMessage[];
let dir: string;
let engine: TestEngine;

beforeAll(async () => {
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await dataSource.destroy();
  server.closeAllConnections();
  server.close();
  await stores.stop();
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-artifacts-'));
  mkdirSync(join(dir, 'sums'));
  requests = [];
  engine = newEngine();
});
afterEach(async () => {
  await engine.stop();
  rmSync(dir, { recursive: true, force: true });
});

const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
const URL = 'https://files.example/v1/file.tar.gz';

function newEngine(): TestEngine {
  const mirrors = { 'https://files.example/': address(), 'https://files.example/sums/': join(dir, 'sums') };
  const cacheDir = join(dir, 'artifacts');
  const settings = { dir: cacheDir, mirrors, maxBytes: 64 << 20, cacheBytes: 64 << 20 };
  const cache = new ArtifactCache(new ContentStore(cacheDir), settings, systemClock);
  const pins = new ArtifactPins(dataSource, cache, systemClock);
  return new TestEngine({
    ...{ dataSource, redisUrl: stores.redis.url, prefix: randomUUID() },
    handlers: [new ArtifactFetchHandler(cache, pins)],
  }).start();
}

function submit(input: JsonObject, more: { retries?: number } = {}) {
  const whole = { name: 'file', url: URL, sha256: '', sha256From: '', arch: 'any', optional: false, ...input };
  const spec = step({ key: 'f', kind: 'artifact.fetch', title: 'fetch', retries: 1, ...more, input: whole });
  return engine.runs.submit(null, {
    ...{ subject: { kind: 'deployment', id: randomUUID() }, action: 'test', title: 'a test', actor: 'tester' },
    plan: { steps: [spec] },
  });
}
const over = (id: string) => engine.runs.untilOver(id, AbortSignal.timeout(30_000));
async function fetched(input: JsonObject) {
  const run = await submit(input);
  const view = await over(run.id);
  const outputs = Object.fromEntries((await engine.runs.outputs(run.id)).map(({ name, value }) => [name, value]));
  return { view, step: view.steps[0]!, outputs };
}
const sumOf = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const keptPath = (sha256: string) => join(dir, 'artifacts', 'sha256', sha256.slice(0, 2), sha256);
const partsLeft = () => (existsSync(join(dir, 'artifacts/partial')) ? readdirSync(join(dir, 'artifacts/partial')) : []);

/** Serves ranges, as any server of files does. */
function serve(content: Buffer, slowly = false) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const head = { 'content-length': content.length - from, etag: '"one"' };
    if (from > 0)
      response.writeHead(206, { ...head, 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` });
    else response.writeHead(200, head);
    if (!slowly) return void response.end(content.subarray(from));
    // Half of it, and then nothing more.
    response.write(content.subarray(from, content.length / 2));
  };
}

it('an artifact is fetched, checked, kept, and not fetched again', async () => {
  const content = randomBytes(3_000_001);
  answer = serve(content);
  const first = await fetched({
    url: 'https://files.example/v1/file-${arch}.tar.gz',
    arch: 'arm64',
    sha256: sumOf(content),
  });
  expect(first.view).toMatchObject({ status: 'succeeded', reason: null });
  expect(first.outputs).toEqual({
    ...{ url: 'https://files.example/v1/file-arm64.tar.gz', fileName: 'file-arm64.tar.gz', sha256: sumOf(content) },
  });
  expect(requests.map(({ url }) => url)).toEqual(['/v1/file-arm64.tar.gz']);
  expect(readFileSync(keptPath(sumOf(content))).equals(content)).toBe(true);
  const again = await fetched({ sha256: sumOf(content) });
  expect(again.step.note).toBe('it is here already');
  expect(requests).toHaveLength(1);
  expect(partsLeft()).toEqual([]);
});

it('a checksum file is believed once: another sum later is not taken', async () => {
  const [content, other] = [randomBytes(1000), randomBytes(1000)];
  const url = 'https://files.example/pinned/file.tar.gz';
  const sha256From = 'https://files.example/sums/SHA256SUMS';
  const tell = (bytes: Buffer) =>
    writeFileSync(join(dir, 'sums/SHA256SUMS'), `${sumOf(randomBytes(9))}  x\n${sumOf(bytes)}  file.tar.gz\n`);
  answer = serve(content);
  tell(content);
  expect((await fetched({ url, sha256From })).outputs.sha256).toBe(sumOf(content));
  rmSync(keptPath(sumOf(content)));
  answer = serve(other);
  tell(other);
  const changed = await fetched({ url, sha256From });
  expect(changed.view.status).toBe('failed');
  expect(changed.step.reason).toContain(`not ${sumOf(content)}`);
  expect(changed.step.attempt).toBe(1);
  expect(existsSync(keptPath(sumOf(other)))).toBe(false);
});

it('a worker that stops in the middle leaves what it has to the next one', async () => {
  const content = randomBytes(4_000_000);
  answer = serve(content, true);
  const run = await submit({ sha256: sumOf(content) });
  await eventually('half is here', () =>
    partsLeft().some((name) => readFileSync(join(dir, 'artifacts/partial', name)).length >= 1_900_000),
  );
  await engine.stop();
  answer = serve(content);
  engine = newEngine();
  expect(await over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
  const last = requests.at(-1)!;
  expect(last.headers.range).toMatch(/^bytes=\d{7}-$/);
  expect(readFileSync(keptPath(sumOf(content))).equals(content)).toBe(true);
  expect(partsLeft()).toEqual([]);
});

it('an optional artifact may be away, but not be another', async () => {
  answer = (_, response) => void response.writeHead(404).end();
  const away = await fetched({ sha256: 'a'.repeat(64), optional: true });
  expect(away.view.status).toBe('succeeded');
  expect(away.outputs).toMatchObject({ sha256: '' });
  expect(away.step.note).toContain('it cannot be had, and is optional');
  answer = serve(randomBytes(10));
  expect((await fetched({ sha256: 'a'.repeat(64), optional: true })).view.status).toBe('failed');
});

it.each([
  ['this computer, without a mirror that says so', () => ({ url: `${address()}x` }), /is this computer or its link/],
  ['a file of this computer', () => ({ url: 'file:///etc/hostname' }), /only https: and http:/],
  ['a checksum by http', () => ({ sha256: '', sha256From: 'http://files.example/sum' }), /does not come by https/],
  [
    'what a mirror folder has not',
    () => ({ sha256: '', sha256From: 'https://files.example/sums/none' }),
    /cannot find .*\/sums\/none/,
  ],
  ['more than the limit', () => ({ url: 'https://files.example/large' }), /more than 67108864 bytes/],
])('%s is refused', async (_, input, reason) => {
  answer = (_request, response) => void response.writeHead(200, { 'content-length': (64 << 20) + 1 }).write('x');
  const { view, step: refused } = await fetched({ sha256: 'a'.repeat(64), ...input() });
  expect(view.status).toBe('failed');
  expect(refused.reason).toMatch(reason);
});
