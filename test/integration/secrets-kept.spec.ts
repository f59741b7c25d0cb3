import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ImageCatalog } from '../../src/images/index.js';
import { ApiApp } from '../support/api-app.js';
import { capturedLog } from '../support/captured-log.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient, type Send } from '../support/https-client.js';

/** Given to the API in every field that takes a secret; each then looked for in all that muster keeps and says. */
const SECRETS = {
  ipmi: 'hunter2-ipmi',
  redfish: 'hunter2-redfish',
  webhook: 'hunter2-webhook-0123456789abcdef',
  userData: 'hunter2-user-data',
  refused: 'hunter2-refused',
};
const { log, lines } = capturedLog();
let stores: Datastores;
let api: ApiApp;
let send: Send;
let token: string;
let made: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], log);
  send = httpsClient(api);
  token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
  await giveThemAll();
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
});

async function giveThemAll(): Promise<void> {
  const { ipmi, redfish, webhook, userData, refused } = SECRETS;
  const powers = {
    n1: { driver: 'ipmi', parameters: { host: '10.0.0.9', user: 'admin', password: ipmi } },
    n2: { driver: 'redfish', parameters: { url: 'https://10.0.0.9', user: 'admin', password: redfish } },
    n3: { driver: 'webhook', parameters: { url: 'https://10.0.0.9/hook', secret: webhook } },
  };
  for (const [name, power] of Object.entries(powers)) await post('/v1/machines', { name, power }, 201);
  await post('/v1/machines', { name: 'n1', power: { driver: 'ipmi', parameters: { password: refused } } }, 400);
  const dataSource = api.app.get(DataSource);
  await new ImageCatalog(dataSource).record({
    ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'default', version: '1' },
    ...{ source: 'test', labels: {}, createdAt: new Date() },
    files: [{ role: 'root-tar', sha256: '0'.repeat(64), sizeBytes: 1, compression: 'none', unpackedBytes: 1 }],
  });
  await dataSource.query("update machine set state = 'ready', accepted_at = now(), address = '127.0.0.1'");
  await post('/v1/machines/n1/deploy', { userData: `#cloud-config\n# ${userData}\n` }, 202);
  made = (await post('/v1/tokens', { name: 'made' }, 201)).text as string;
}

async function post(path: string, body: object, status: number): Promise<Record<string, unknown>> {
  const answer = await send('POST', path, { token, body: JSON.stringify(body) });
  expect(`${answer.status} ${answer.status === status ? '' : answer.text}`).toBe(`${status} `);
  return answer.json();
}

/** The end of a token is its secret part, which may hold any letter of base64url. */
const secrets = () => [...Object.values(SECRETS), made, made.slice(-43)];
const found = (text: string) => secrets().filter((secret) => text.includes(secret));

it('are in no table of the database in the clear, the audit among them', async () => {
  const dataSource = api.app.get(DataSource);
  const tables = await dataSource.query<{ name: string }[]>(
    "select tablename as name from pg_tables where schemaname = 'public'",
  );
  const dump: string[] = [];
  for (const { name } of tables) {
    const rows = await dataSource.query<{ row: string }[]>(`select t::text as row from "${name}" as t`);
    dump.push(...rows.map(({ row }) => `${name}: ${row}`));
  }
  // The machines, with what is no secret, are there.
  expect(dump.join('\n')).toContain('10.0.0.9');
  expect(dump.filter((row) => found(row).length > 0)).toEqual([]);
});

it('are in no job', async () => {
  const redis = new Redis(stores.redis.url);
  const keys = await redis.keys('*');
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  redis.disconnect();
  expect(keys.length).toBeGreaterThan(0);
  expect(found(Buffer.concat(dumps).toString('latin1') + keys.join())).toEqual([]);
});

it('are in no log', () => {
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.filter((line) => found(line).length > 0)).toEqual([]);
});

it('are in no answer', async () => {
  for (const path of ['/v1/machines', '/v1/machines/n1', '/v1/machines/n3', '/v1/runs', '/v1/audit', '/v1/tokens']) {
    const answer = await send('GET', path, { token });
    expect(answer.status).toBe(200);
    expect(found(answer.text)).toEqual([]);
  }
});

it('nor is what an operator wrote into a machine more than text to a browser', async () => {
  const note = '<img src=x onerror=alert(1)></script><script>alert(2)</script>';
  await send('PATCH', '/v1/machines/n2', { token, body: JSON.stringify({ note }) });
  const answer = await send('GET', '/v1/machines/n2', { token });
  expect(answer.json().note).toBe(note);
  expect(answer.headers['content-type']).toMatch(/^application\/json/);
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
  const program = (await send('GET', '/page/app.mjs')).text;
  expect(program).not.toMatch(
    /innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|DOMParser|document\.write|srcdoc|\beval\b|new Function/,
  );
  // Attributes are of names and values that the program has itself, but for numbers and texts that no browser follows.
  expect(program).not.toMatch(/(href|src|action|formaction|style):\s*[a-z]/);
});
