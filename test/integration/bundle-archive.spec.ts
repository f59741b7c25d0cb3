import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLogger } from '../../src/platform/log/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient } from '../support/https-client.js';

let stores: Datastores;
let api: ApiApp;
let folder: string;
let file: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], silentLogger, 'api,worker');
  folder = mkdtempSync(join(tmpdir(), 'muster-archives-'));
  file = join(folder, 'hello.tar');
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a bundle is exported to a file, which appears when it is whole', async () => {
  const made = await api.cli(['bundles', 'export', 'hello', '--base', 'debian@12', '--output', file, '--json']);
  expect(made).toMatchObject({ code: 0 });
  expect(JSON.parse(made.stdout)).toMatchObject({ file, sizeBytes: readFileSync(file).length });
  expect(readdirSync(folder)).toEqual(['hello.tar']);
});

it('one that was left is fetched later', async () => {
  const [run] = JSON.parse((await api.cli(['runs', '--json'])).stdout) as { id: string }[];
  const later = join(folder, 'later.tar');
  const made = await api.cli(['bundles', 'export', 'hello', '--run', run?.id ?? '', '--output', later]);
  expect(made).toMatchObject({ code: 0 });
  expect(readFileSync(later)).toEqual(readFileSync(file));
  rmSync(later);
});

it('a connection that was cut goes on from any byte', async () => {
  const { stdout } = await api.cli(['runs', '--json']);
  const [run] = JSON.parse(stdout) as { id: string }[];
  const whole = readFileSync(file);
  const send = httpsClient(api);
  const token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
  const path = `/v1/bundles/archives/${run?.id ?? ''}`;
  const rest = await send('GET', path, { token, headers: { range: 'bytes=1000-' } });
  expect(rest.status).toBe(206);
  expect(rest.text).toBe(whole.subarray(1000).toString('utf8'));
  expect((await send('GET', path, { token })).text).toBe(whole.toString('utf8'));
});

it('a dry run tells what it would bring, and keeps nothing', async () => {
  const { code, stdout } = await api.cli(['bundles', 'import', file, '--dry-run']);
  expect(code).toBe(0);
  expect(stdout).toContain('bundle hello for debian@12, with the roles hello\n');
  expect((await api.cli(['bundles', 'list'])).stdout).not.toContain('an archive');
});

it('an import puts it before the shipped one of its name, and delete ends that', async () => {
  expect((await api.cli(['bundles', 'import', file])).code).toBe(0);
  expect((await api.cli(['bundles', 'list'])).stdout).toMatch(/hello .* an archive/);
  expect((await api.cli(['bundles', 'show', 'hello'])).stdout).toContain('muster: {bases: [debian@12]}');
  expect((await api.cli(['bundles', 'check', 'hello'])).code).toBe(0);
  expect((await api.cli(['bundles', 'delete', 'hello'])).code).toBe(4);
  expect((await api.cli(['bundles', 'delete', 'hello', '--yes'])).code).toBe(0);
  expect((await api.cli(['bundles', 'show', 'hello'])).stdout).not.toContain('debian@12]}');
  expect((await api.cli(['bundles', 'delete', 'hello', '--yes'])).code).toBe(3);
});

it('a file that is none is refused with its reason, and so is another than the one that was meant', async () => {
  const wrong = join(folder, 'wrong.tar');
  writeFileSync(wrong, readFileSync(file).subarray(0, 3000));
  const refused = await api.cli(['bundles', 'import', wrong]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('cannot use this archive');
  const other = await api.cli(['bundles', 'import', file, '--sha256', 'f'.repeat(64)]);
  expect(other.code).toBe(4);
  expect(existsSync(join(api.dataDir, 'bundles', 'hello'))).toBe(false);
});

it('only an admin imports and deletes', async () => {
  const made = await api.cli(['tokens', 'create', 'op', '--role', 'operator']);
  const token = made.stdout.trim();
  expect((await api.cli(['bundles', 'import', file], { token })).code).toBe(4);
  expect((await api.cli(['bundles', 'delete', 'hello', '--yes'], { token })).code).toBe(4);
});

it('what cannot be exported says why', async () => {
  const without = await api.cli(['bundles', 'export', 'hello', '--with-artifacts', '--output', join(folder, 'x')]);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('there is no image of any in the store');
  expect(readdirSync(folder).filter((name) => name.startsWith('x'))).toEqual([]);
});
