import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runOnTerminal } from '../../test/support/terminal.js';

const param = (name: string, more: object) => ({
  ...{ name, type: 'string', default: null, choices: [], description: `The ${name}`, secret: true, required: true },
  ...more,
});
const ACTION = {
  ...{ application: 'vault', action: 'open', summary: 'Opens it', units: ['vault/0'], leader: false },
  params: [param('password', {}), param('other', { required: false }), param('name', { secret: false })],
  destructive: false,
};

/** An API that knows one action; what would be run is only noted. */
let api: Server;
let folder: string;
const asked: unknown[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-secret-'));
  api = createServer((request, response) => {
    void text(request).then((body) => {
      if (request.method === 'POST') asked.push(JSON.parse(body));
      response
        .writeHead(request.method === 'POST' ? 503 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ items: [ACTION] }));
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});

it('a secret that has to be said is asked for on a terminal, which does not show it', async () => {
  const { port } = api.address() as AddressInfo;
  const place = { folder, url: `http://127.0.0.1:${port}` };
  const typed: [string, string][] = [['password (The password)', 'hunter2\r']];
  const { screen } = await runOnTerminal(place, ['action', 'lab:vault/0', 'open', 'name=x'], typed);
  expect(screen).not.toContain('hunter2');
  expect(asked).toEqual([{ target: 'vault/0', action: 'open', params: { name: 'x', password: 'hunter2' } }]);
}, 60_000);
