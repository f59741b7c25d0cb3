import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serveFile } from '../../src/images/index.js';

const run = promisify(execFile);
const bytes = randomBytes(5_000_000);
const sha256 = createHash('sha256').update(bytes).digest('hex');
let dir: string;
let server: Server;
let url: string;
const failures: unknown[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muster-serve-'));
  writeFileSync(join(dir, 'image'), bytes);
  const file = { path: join(dir, 'image'), sizeBytes: bytes.length, sha256 };
  server = createServer((request, response) => {
    const isMissing = request.url === '/missing';
    const served = isMissing ? { ...file, path: join(dir, 'missing') } : file;
    const handOffTo = request.url === '/handed-off' ? '/internal/aa/bb' : undefined;
    serveFile(request, response, { ...served, handOffTo }).catch((error: unknown) => {
      failures.push(error);
      response.writeHead(500).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

const curl = async (...args: string[]) => (await run('curl', ['-sS', ...args])).stdout;

it('gives curl the whole file, to several at once', async () => {
  const targets = [1, 2, 3, 4].map((n) => join(dir, `copy ${n}`));
  await Promise.all(targets.map((target) => curl('-o', target, `${url}/`)));
  for (const target of targets) expect(readFileSync(target).equals(bytes)).toBe(true);
});

it('lets curl go on with half a file', async () => {
  const target = join(dir, 'half');
  writeFileSync(target, bytes.subarray(0, 2_000_001));
  await curl('-C', '-', '-o', target, `${url}/`);
  expect(readFileSync(target).equals(bytes)).toBe(true);
});

it('sends one who has it nothing, and a HEAD the length alone', async () => {
  const code = ['-o', '/dev/null', '-w', '%{http_code} %{size_download}'];
  expect(await curl(...code, '-H', `If-None-Match: "${sha256}"`, `${url}/`)).toBe('304 0');
  expect(await curl(...code, '-r', '5000000-', `${url}/`)).toBe('416 0');
  expect(await curl('-I', `${url}/`)).toContain('Content-Length: 5000000'.toLowerCase());
});

it('leaves the bytes to an nginx in front, where there is one', async () => {
  const answer = await curl('-i', `${url}/handed-off`);
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\nx-accel-redirect: \/internal\/aa\/bb\r\n/);
  expect(answer.split('\r\n\r\n')[1]).toBe('');
});

it('promises nothing when the file is gone', async () => {
  expect(await curl('-o', '/dev/null', '-w', '%{http_code}', `${url}/missing`)).toBe('500');
  expect(failures).toHaveLength(1);
  failures.length = 0;
});

it('takes a client that leaves in the middle for no error, and closes the file', async () => {
  await new Promise<void>((resolve) => {
    const request = get(`${url}/`, (response) => {
      response.once('data', () => {
        request.destroy();
        resolve();
      });
    });
    request.on('error', () => undefined);
  });
  const openFiles = async () => (await run('ls', ['-l', `/proc/${process.pid}/fd`])).stdout;
  await expect.poll(openFiles).not.toContain(join(dir, 'image'));
  expect(failures).toEqual([]);
});
