import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LxdClient } from './lxd-client.js';

let folder: string;
let server: Server;
let client: LxdClient;
/** What is answered in turn; the last of it from then on. */
let answers: { status: number; error?: string }[];
let asked: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-lxd-'));
  const socketPath = join(folder, 'lxd.socket');
  asked = 0;
  server = createServer((request, response) => {
    const { status, error } = answers[Math.min(asked, answers.length - 1)]!;
    asked += 1;
    request.resume();
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ type: error === undefined ? 'sync' : 'error', error, error_code: status, metadata: null }),
    );
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  client = new LxdClient({ socketPath }, 'muster');
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const gone = { status: 500, error: 'dial unix /proc/self/fd/54/forkfile.sock: connect: no such file or directory' };

it('asks again about files where the helper of LXD had just ended', async () => {
  answers = [gone, gone, { status: 200 }];
  await client.putFile('n0', '/etc/hostname', 'n0');
  expect(asked).toBe(3);
});

it('asks once where LXD refuses for another reason', async () => {
  answers = [{ status: 500, error: 'no space left on device' }];
  await expect(client.putFile('n0', '/etc/hostname', 'n0')).rejects.toThrow('no space left on device');
  expect(asked).toBe(1);
});
