import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
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
/** What stands for them in a path. */
const ids = { run: '', paused: '', image: '', upload: '' };
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores);
  send = httpsClient(api);
  dataSource = api.app.get(DataSource);
  token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
  for (const name of ['n1', 'n2', 'n3', 'n4', 'n5']) await api.cli(['machines', 'declare', name, '--power', 'manual']);
  await api.cli(['subnets', 'create', 'old', '10.6.0.0/24']);
  await api.cli(['reservations', 'create', 'old', '10.6.0.9', '--mac', '52:54:00:00:00:09']);
  await api.cli(['tokens', 'create', 'old']);
  await dataSource.query("update machine set state = 'new' where name = 'n4'");
  await api.cli(['accept-rules', 'create', 'old', 'name = n9']);
  ids.run = await commission('n3');
  ids.paused = await commission('n5');
  await send('POST', `/v1/runs/${ids.paused}/pause`, { token });
  const { id } = await new ImageCatalog(dataSource).record({
    ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'default', version: '1' },
    ...{ source: 'test', labels: {}, createdAt: new Date(), files: [] },
  });
  await api.cli(['up', 'ubuntu', '--name', 'trial', '--yes', '--detach']);
  // The last step of one of them has failed.
  await dataSource.query(
    `update step set status = 'failed' where run_id = $1
     and position = (select max(position) from step where run_id = $1)`,
    [ids.run],
  );
  ids.image = id;
  ids.upload = await uploaded(execFileSync('tar', ['-cf', '-', '-C', '/etc', 'hostname']));
  await api.cli(['cancel', 'trial']);
  // A server that is killed before its entry, as Postgres sees it: the entry never comes.
  await dataSource.query(`
    create function no_entry() returns trigger language plpgsql as $$ begin raise exception 'killed'; end $$;
    create trigger no_entry before insert on audit_entry for each row when (new.outcome in ('asked', 'done')) execute function no_entry()`);
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
});

async function commission(machine: string): Promise<string> {
  const answer = await send('POST', `/v1/machines/${machine}/commission`, { token, body: '{}' });
  return (answer.json() as unknown as { run: { id: string } }).run.id;
}

async function uploaded(bytes: Buffer): Promise<string> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const body = JSON.stringify({ sizeBytes: bytes.length, sha256 });
  const { upload } = (await send('POST', '/v1/images/uploads', { token, body })).json() as { upload: string };
  const type = 'application/octet-stream';
  await send('PUT', `/v1/images/uploads/${upload}?offset=0`, { token, body: bytes, type });
  return upload;
}

/** All that could have changed. */
async function state(): Promise<string> {
  const tables = ['access_token', 'subnet', 'reservation', 'run', 'step', 'deployment', 'event', 'machine'];
  tables.push('machine_event', 'accept_rule', 'image', 'agent_order');
  const rows = tables.map(async (table) => {
    const [row] = await dataSource.query<{ rows: string }[]>(
      `select string_agg(t::text, ' ' order by t::text) as rows from "${table}" as t`,
    );
    return `${table} ${row?.rows ?? ''}`;
  });
  // A token notes when it was used last.
  return (await Promise.all(rows)).join('\n').replace(/"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[.\d+]*"?/g, 'TIME');
}

/** A path or body with the ids of what is there in it. */
async function filled(template: string): Promise<string> {
  const [step] = await dataSource.query<{ key: string }[]>(
    'select key from step where run_id = $1 order by position desc',
    [ids.run],
  );
  const known: Record<string, string> = { ...ids, step: (step?.key ?? '').replaceAll('/', '~') };
  return template.replace(/\$(\w+)/g, (_, name: string) => known[name] ?? name);
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
  ['POST', '/v1/machines', { name: 'n6', power: { driver: 'manual', parameters: {} } }],
  ['PATCH', '/v1/machines/n1', { addTags: ['fast'], power: { driver: 'manual', parameters: {} } }],
  ['DELETE', '/v1/machines/n1', undefined],
  ['POST', '/v1/machines/n4/accept', undefined],
  ['POST', '/v1/machines/n4/mark-broken', { why: 'smoke' }],
  ['POST', '/v1/machines/n3/abort', undefined],
  ['POST', '/v1/machines/n1/power', { action: 'on' }],
  ['POST', '/v1/accept-rules', { name: 'new', condition: 'name = n4' }],
  ['DELETE', '/v1/accept-rules/old', undefined],
  ['POST', '/v1/runs/$run/pause', undefined],
  ['POST', '/v1/runs/$run/cancel', undefined],
  ['POST', '/v1/runs/$paused/resume', undefined],
  ['POST', '/v1/runs/$run/steps/$step/skip', { why: 'known' }],
  ['DELETE', '/v1/images/$image', undefined],
  ['POST', '/v1/images/import', { upload: '$upload', os: 'debian@13', architecture: 'amd64' }],
])('%s %s is not done where its audit entry is not written', async (method, template, body) => {
  const path = await filled(template);
  const before = await state();
  const answer = await send(method, path, {
    token,
    body: body === undefined ? undefined : await filled(JSON.stringify(body)),
  });
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
  const paused = await send('POST', `/v1/runs/${ids.paused}/resume`, { token });
  expect(paused.json(), paused.text).toMatchObject({ status: 'running' });
  await send('POST', '/v1/accept-rules', { token, body: JSON.stringify({ name: 'new', condition: 'name = n4' }) });
  expect((await send('GET', '/v1/machines/n4', { token })).json()).toMatchObject({ accepted: true });
  const power = await send('POST', '/v1/machines/n1/power', { token, body: JSON.stringify({ action: 'on' }) });
  expect(power.json().detail, power.text).toContain('without a person');
  const entries = await dataSource.query<object[]>(
    'select action, outcome, before, after from audit_entry order by sequence desc limit 4',
  );
  expect(entries).toMatchObject([
    { action: 'machines.power', outcome: 'refused' },
    { action: 'machines.power', outcome: 'asked', after: { action: 'on' } },
    { action: 'accept-rules.create', outcome: 'done', before: null, after: { name: 'new' } },
    { action: 'runs.resume', outcome: 'done', before: { status: 'paused' }, after: { status: 'running' } },
  ]);
  expect((await api.cli(['audit', 'verify'])).stdout).toContain('all unbroken');
});
