import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient } from '../support/https-client.js';

let stores: Datastores;
let api: ApiApp;
let folder: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores);
  folder = mkdtempSync(join(tmpdir(), 'muster-init-'));
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('init writes a bundle with a role that is good as it is', async () => {
  const first = join(folder, 'My first!');
  const made = await api.cli(['bundles', 'init', first]);
  expect(made).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(join(first, 'roles/greeter'))).toEqual(['health.sh', 'install.sh', 'remove.sh', 'role.yaml']);
  expect(readFileSync(join(first, 'bundle.yaml'), 'utf8')).toContain('name: my-first\n');
  expect(await api.cli(['bundles', 'check', first])).toMatchObject({ code: 0, stdout: `${first} is good\n` });
});

it('init overwrites nothing', async () => {
  const before = statSync(join(folder, 'My first!/bundle.yaml')).mtimeMs;
  const again = await api.cli(['bundles', 'init', join(folder, 'My first!')]);
  expect(again.code).toBe(4);
  expect(again.stderr).toContain('it is there already');
  expect(statSync(join(folder, 'My first!/bundle.yaml')).mtimeMs).toBe(before);
  expect((await api.cli(['bundles', 'init', join(folder, 'x'), '--name', 'Not So'])).code).toBe(2);
});

it('the schemas that these files name are served to everyone, as they are shipped', async () => {
  const send = httpsClient(api);
  for (const [file, shipped] of [
    ['bundle.yaml', 'bundle.schema.json'],
    ['roles/greeter/role.yaml', 'roles/role.schema.json'],
  ] as const) {
    const [, url = ''] = /\$schema=(\S+)/.exec(readFileSync(join(folder, 'My first!', file), 'utf8')) ?? [];
    expect(url.startsWith(api.url)).toBe(true);
    const answer = await send('GET', url.slice(api.url.length));
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual(
      JSON.parse(readFileSync(join(import.meta.dirname, '../../bundles', shipped), 'utf8')),
    );
  }
});

it('check tells editors as JSON, and ends with 1 where there are errors', async () => {
  const path = join(folder, 'bad.yaml');
  writeFileSync(path, 'applications:\n  a: {role: ubunto}\n');
  const checked = await api.cli(['bundles', 'check', path, '--format', 'json']);
  expect(checked.code).toBe(1);
  expect(JSON.parse(checked.stdout)).toMatchObject({
    ok: false,
    diagnostics: [{ severity: 'error', file: 'bad.yaml', line: 2, column: 13, message: 'unknown role "ubunto"' }],
  });
});

it('a role of a folder is read before anything is laid down, and what is wrong with it is told', async () => {
  const roles = join(folder, 'own/roles');
  mkdirSync(join(roles, 'website'), { recursive: true });
  const role = (text: string) => writeFileSync(join(roles, 'website/role.yaml'), text);
  const test = (path: string) => api.cli(['roles', 'test', path]);
  const head = 'role: website\nsummary: Serves\nbases: [debian@12]\n';
  writeFileSync(join(roles, 'website/do.sh'), 'true\n');

  expect(await test(join(roles, 'nothing'))).toMatchObject({ code: 3 });
  mkdirSync(join(folder, 'elsewhere'), { recursive: true });
  writeFileSync(join(folder, 'elsewhere/role.yaml'), head);
  expect((await test(join(folder, 'elsewhere'))).stderr).toContain('as roles/NAME');
  role(`${head}steps: {install: {run: instal.sh}}\n`);
  const broken = await test(join(roles, 'website'));
  expect(broken.code).toBe(1);
  expect(broken.stderr).toMatch(/roles\/website\/role\.yaml:4:\d+ {2}the role has no file "instal\.sh"/);
  role(`${head}steps: {install: {run: do.sh}}\n`);
  expect((await test(join(roles, 'website'))).stderr).toContain('no step that proves that it works (on: verify)');
  expect((await test('webseit')).stderr).toContain('one of your own is named with its path: roles/webseit');
});

it('search finds by name, description and role', async () => {
  expect((await api.cli(['bundles', 'search', 'LXD'])).stdout).toContain('lxd-fan');
  expect((await api.cli(['bundles', 'search', 'os', '--json'])).stdout).toContain('"ubuntu"');
  expect((await api.cli(['bundles', 'search', 'nothing-like-it'])).stdout).toContain('(none)');
});

it('graph draws a plan, or tells why there is none', async () => {
  expect((await api.cli(['bundles', 'graph', 'lxd-fan'])).stdout).toMatch(/^flowchart LR\n[^]*"lxd\/0"[^]* --> /);
  expect((await api.cli(['bundles', 'graph', 'lxd-fan', '--format', 'dot', '--steps'])).stdout).toMatch(
    /^digraph plan \{[^]*"fan\/0:configure"/,
  );
  const wrong = await api.cli(['bundles', 'graph', join(folder, 'bad.yaml')]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('unknown role "ubunto"');
});

it('completion knows the verbs, and the names of bundles', async () => {
  const words = async (...line: string[]) => (await api.cli(['completion', 'words', '--', ...line])).stdout.split('\n');
  expect(await words('bundles')).toEqual(expect.arrayContaining(['check', 'graph', 'init', 'list', 'search', 'show']));
  expect(await words('bundles', 'show')).toContain('lxd-fan');
  expect(await words('up')).toContain('ubuntu');
  expect(await words('up', 'ubuntu', '--on')).toEqual(expect.arrayContaining(['metal', 'localhost']));
  expect(await words('up', '--on', 'metal')).toContain('ubuntu');
  expect(await words('machines', 'release', '--erase')).toEqual(expect.arrayContaining(['quick', 'full']));
  expect(await words('roles', 'show')).toContain('etcd');
});
