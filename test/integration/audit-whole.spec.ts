import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ImageCatalog } from '../../src/images/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient, type Send } from '../support/https-client.js';

let stores: Datastores;
let api: ApiApp;
let send: Send;
let dataSource: DataSource;
let token: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores);
  send = httpsClient(api);
  dataSource = api.app.get(DataSource);
  token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
  for (const name of ['n1', 'n2']) await api.cli(['machines', 'declare', name, '--power', 'manual']);
  await api.cli(['subnets', 'create', 'old', '10.6.0.0/24']);
  await api.cli(['reservations', 'create', 'old', '10.6.0.9', '--mac', '52:54:00:00:00:09']);
  await api.cli(['tokens', 'create', 'old']);
  await new ImageCatalog(dataSource).record({
    ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'default', version: '1' },
    ...{ source: 'test', labels: {}, createdAt: new Date(), files: [] },
  });
  await api.cli(['up', 'ubuntu', '--name', 'trial', '--yes', '--detach']);
  await api.cli(['cancel', 'trial']);
  // A server that is killed before its entry, as Postgres sees it: the entry never comes.
  await dataSource.query(`
    create function no_entry() returns trigger language plpgsql as $$ begin raise exception 'killed'; end $$;
    create trigger no_entry before insert on audit_entry for each row when (new.outcome = 'done') execute function no_entry()`);
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
});

/** All that could have changed. */
async function state(): Promise<string> {
  const tables = ['access_token', 'subnet', 'reservation', 'run', 'step', 'deployment', 'event'];
  const rows = tables.map(async (table) => {
    const [row] = await dataSource.query<{ rows: string }[]>(
      `select string_agg(t::text, ' ' order by t::text) as rows from "${table}" as t`,
    );
    return `${table} ${row?.rows ?? ''}`;
  });
  // A token notes when it was used last.
  return (await Promise.all(rows)).join('\n').replace(/"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d+]*"?/g, 'TIME');
}

const subnet = { name: 'new', cidr: '10.5.0.0/24' };
const reservation = { subnet: 'old', address: '10.6.0.10', mac: '52:54:00:00:00:10' };
it.each([
  ['POST', '/v1/tokens', { name: 'new', role: 'admin' }],
  ['DELETE', '/v1/tokens/old', undefined],
  ['POST', '/v1/subnets', subnet],
  ['PATCH', '/v1/subnets/old', { mode: 'proxy' }],
  ['POST', '/v1/reservations', reservation],
  ['DELETE', '/v1/subnets/old', undefined],
  ['POST', '/v1/machines/n1/commission', {}],
  ['POST', '/v1/machines/n1/release', {}],
  ['POST', '/v1/machines/n2/mark-fixed', {}],
  ['POST', '/v1/images/build', { target: 'debian@12' }],
  ['POST', '/v1/images/sync', {}],
  ['POST', '/v1/deployments', { bundle: 'ubuntu', name: 'other' }],
  ['POST', '/v1/deployments/trial/down', {}],
])('%s %s is not done where its audit entry is not written', async (method, path, body) => {
  const before = await state();
  const answer = await send(method, path, { token, body: body === undefined ? undefined : JSON.stringify(body) });
  expect(answer.status, answer.text).toBe(503);
  expect(answer.json().detail).toBe('cannot record this change in the audit: it was not made');
  expect(await state()).toBe(before);
});

it('every one of them is done, and recorded once, as soon as entries can be written', async () => {
  await dataSource.query('drop trigger no_entry on audit_entry');
  const made = await send('POST', '/v1/subnets', { token, body: JSON.stringify(subnet) });
  expect(made.status).toBe(201);
  const started = await send('POST', '/v1/machines/n1/commission', { token, body: '{}' });
  expect(started.status).toBe(202);
  const rows = await dataSource.query<{ action: string; subject: string; after: { run?: string } }[]>(
    "select action, subject, after from audit_entry where outcome = 'done' order by sequence desc limit 2",
  );
  expect(rows).toMatchObject([
    { action: 'machines.commission', subject: 'machines/n1', after: { run: expect.any(String) as unknown } },
    { action: 'subnets.create', subject: 'subnets/new', after: { name: 'new' } },
  ]);
  expect((await api.cli(['audit', 'verify'])).stdout).toContain('all unbroken');
});
