import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startPackageGateway } from '../../src/lab/index.js';

const dir = mkdtempSync(join(tmpdir(), 'muster-gateway-'));
const socket = join(dir, 'gateway.sock');
const listening: Server[] = [];
let archive: string;

beforeAll(async () => {
  const server = createServer((request, response) => response.end(`archive ${request.url ?? ''}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  archive = `127.0.0.1:${(server.address() as { port: number }).port}`;
  listening.push(server, await startPackageGateway(socket));
});
afterAll(async () => {
  for (const server of listening) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  rmSync(dir, { recursive: true, force: true });
});

/** What a client of the relay sends over the socket; gives what comes back. */
async function talk(text: string): Promise<string> {
  const connection = connect(socket, () => connection.write(text));
  let answer = '';
  for await (const piece of connection) answer += String(piece);
  return answer;
}

it('fetches what a proxy is asked for', async () => {
  const answer = await talk(
    `GET http://${archive}/dists/InRelease HTTP/1.1\r\nHost: ${archive}\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 200/);
  expect(answer).toContain('archive /dists/InRelease');
});

it('lets a tunnel through', async () => {
  const inner = `GET /in-a-tunnel HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const answer = await talk(`CONNECT ${archive} HTTP/1.1\r\nHost: ${archive}\r\n\r\n${inner}`);
  expect(answer).toMatch(/^HTTP\/1.1 200 Connection established/);
  expect(answer).toContain('archive /in-a-tunnel');
});

it.each([
  'GET /no-proxy-request HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'GET ftp://x/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
  'CONNECT nowhere HTTP/1.1\r\nHost: x\r\n\r\n',
])('refuses %j and goes on', async (text) => {
  expect(await talk(text)).toMatch(/^HTTP\/1.1 400/);
});

it('says that it cannot reach a host', async () => {
  const answer = await talk('GET http://127.0.0.1:1/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 502/);
});

it('is open to its own user alone', () => {
  expect(statSync(socket).mode & 0o777).toBe(0o600);
});
