import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src/api/contract/index.js';
import { generateSshKey } from '../../src/platform/remote/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { eventually } from '../support/pipeline-engine.js';
import { PrivateSshd } from '../support/private-sshd.js';

const ROLE = `role: keeper
summary: Keeps a word
bases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]
options:
  folder: {type: string, description: Where}
  word: {type: string, default: one, description: Which}
steps:
  keep: {run: keep.sh, publishes: [url, word], secrets: {password: []}, timeout: 1m, stall: 6s, retries: 0, repeatable: true}
  health: {run: health.sh, on: verify, repeatable: true}
  remove: {run: remove.sh, on: remove, repeatable: true}
`;
const SCRIPTS = {
  'keep.sh': `#!/bin/bash
set -eu
[ "$(cat "$OPT_FOLDER/word" 2>/dev/null)" != "$OPT_WORD" ] || muster-unchanged
echo "$OPT_WORD" >"$OPT_FOLDER/word"
muster-publish url "http://$UNIT/"
muster-publish word "$OPT_WORD"
muster-publish --secret password "sesame-$OPT_WORD"
`,
  'health.sh': '#!/bin/bash\n[ "$(cat "$OPT_FOLDER/word")" = "$OPT_WORD" ]\n',
  'remove.sh': '#!/bin/bash\nrm -f "$OPT_FOLDER/word"\n',
};

const key = generateSshKey('operator');
let stores: Datastores;
let api: ApiApp;
let servers: PrivateSshd[];
let folder: string;
let viewer: string;

beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], undefined, 'api,worker,scheduler');
  servers = await Promise.all([PrivateSshd.start(key.publicKey), PrivateSshd.start(key.publicKey)]);
  folder = mkdtempSync(join(tmpdir(), 'muster-day-two-'));
  mkdirSync(join(folder, 'roles/keeper'), { recursive: true });
  writeFileSync(join(folder, 'roles/keeper/role.yaml'), ROLE);
  for (const [name, text] of Object.entries(SCRIPTS)) writeFileSync(join(folder, 'roles/keeper', name), text);
  writeFileSync(
    join(folder, 'bundle.yaml'),
    `name: lab
applications: {keeper: {role: keeper, options: {folder: "${folder}"}}}
muster: {outputs: {url: keeper.url, password: keeper.password}}
`,
  );
  const hosts = servers.flatMap(({ port, hostKey }) => ['--host', `root@127.0.0.1:${port}`, '--host-key', hostKey]);
  const keyFile = servers[0]!.keep('client-key', key.privateKey);
  await good('clouds', 'add', 'rack', '--type', 'ssh', ...hosts, '--key', `@${keyFile}`);
  await good('clouds', 'check', 'rack');
  viewer = (await good('tokens', 'create', 'reader')).trim();
});
afterAll(async () => {
  await api.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command that ends well; gives what it prints. */
async function good(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.cli(argv);
  if (code !== 0) throw new Error(`muster ${argv.join(' ')}: exit code ${code}\n${stderr}`);
  return stdout;
}

const fieldOf = (text: string, name: string) => new RegExp(`^${name}:? +(.*)$`, 'm').exec(text)?.[1]?.trim();

describe('what a bundle gives out', () => {
  it('is shown by name, secrets only when they are asked for', async () => {
    expect(await good('up', folder, '--on', 'rack', '--yes')).toContain('lab is up');
    const all = await good('outputs', 'lab');
    expect(fieldOf(all, 'url')).toBe('http://keeper/0/');
    expect(fieldOf(all, 'password')).toBe('(secret)');
    expect(JSON.parse(await good('outputs', 'lab', '--json'))).toEqual({ url: 'http://keeper/0/', password: null });
    expect(await good('outputs', 'lab', 'password')).toBe('sesame-one\n');
    expect(await good('status', 'lab')).toContain('muster outputs lab password');
    expect(await good('audit', '--json')).not.toContain('sesame');
    expect(await good('logs', 'lab')).not.toContain('sesame');
  });

  it('is saved to a file that only its owner can read, whatever its mode was', async () => {
    const file = join(folder, 'saved');
    writeFileSync(file, 'longer than what comes into it\n', { mode: 0o644 });
    await good('outputs', 'lab', 'password', '--save', file);
    expect(readFileSync(file, 'utf8')).toBe('sesame-one\n');
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is refused to whoever may only read, under other names, and all to one file', async () => {
    expect(await api.cli(['outputs', 'lab', 'password'], { token: viewer })).toMatchObject({ code: 4, stdout: '' });
    expect((await api.cli(['outputs', 'lab'], { token: viewer })).stdout).not.toContain('sesame');
    const unknown = await api.cli(['outputs', 'lab', 'kubeconfig']);
    expect(unknown).toMatchObject({ code: 3, stdout: '' });
    expect(unknown.stderr).toContain('its outputs: password, url');
    expect((await api.cli(['outputs', 'lab', '--save', join(folder, 'all')])).code).toBe(2);
  });
});

describe('muster schedules', () => {
  const add = (name: string, ...more: string[]) =>
    api.cli(['schedules', 'add', name, '-D', 'lab', '--cron', '0 3 * * 0', '--action', 'verify', ...more]);

  it('adds one, and shows its next five times in its zone', async () => {
    expect(await add('weekly', '--tz', 'Europe/London', '--stop-after', '2')).toMatchObject({ code: 0, stderr: '' });
    const shown = await good('schedules', 'show', 'weekly');
    expect(shown).toContain('weekly: verify of lab, "0 3 * * 0" in Europe/London');
    const times = shown.match(/^ {2}(\d{4}-.*)$/gm)!.map((line) => new Date(line.trim()));
    expect(times).toHaveLength(5);
    const inLondon = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/London', weekday: 'short', hour: '2-digit' });
    expect(new Set(times.map((time) => inLondon.format(time).replace(',', '')))).toEqual(new Set(['Sun 03']));
    expect(await good('schedules')).toMatch(/weekly +lab +verify/);
  });

  it('refuses what it cannot keep, and says why', async () => {
    const wrong = await add('wrong', '--cron', '61 * * * *');
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('cannot add a schedule');
    expect((await add('nowhere', '--tz', 'Europe/Atlantis')).code).toBe(2);
    expect((await add('weekly')).code).toBe(4);
    expect((await api.cli(['schedules', 'show', 'nothing'])).code).toBe(3);
    expect((await api.cli(['schedules', 'add', 'x', '-D', 'lab', '--cron', '0 3 * * 0'])).code).toBe(2);
    expect((await api.cli(['schedules', 'pause', 'weekly'], { token: viewer })).code).toBe(4);
  });

  it('fires one now, also where it is paused, and keeps what became of it', async () => {
    await good('schedules', 'pause', 'weekly');
    expect(await good('schedules')).toMatch(/weekly .*paused/);
    await good('schedules', 'run', 'weekly');
    const history = () => good('schedules', 'history', 'weekly');
    await eventually('it has run', async () => (await history()).includes('succeeded'), 60_000);
    const [run] = JSON.parse(await good('runs', '--of', 'lab', '--json')) as { id: string; title: string }[];
    expect(run!.title).toContain('verify');
    expect(await history()).toContain(run!.id);
    expect(await good('schedules', 'resume', 'weekly')).toMatch(/^ {2}\d{4}-/m);
  });

  it('lays a deployment again from nothing, and tells which outputs are others', async () => {
    await good('set', 'keeper', 'word=two', '-D', 'lab', '--yes');
    await good('schedules', 'add', 'anew', '-D', 'lab', '--cron', '0 3 * * 0', '--action', 'redeploy');
    await good('schedules', 'run', 'anew', '--yes');
    const ended = async () => /succeeded|failed/.exec(await good('schedules', 'history', 'anew'))?.[0] ?? '';
    await eventually('it has run', async () => (await ended()) !== '', 120_000);
    expect(await ended()).toBe('succeeded');
    expect(await good('outputs', 'lab', 'password')).toBe('sesame-two\n');
    await good('schedules', 'remove', 'anew');
    expect(await good('schedules')).not.toContain('anew');
  }, 180_000);
});

describe('muster up --replace', () => {
  it('makes a node anew on which nothing failed; before that, a diff says that it is to be another', async () => {
    writeFileSync(join(folder, 'cores.yaml'), 'applications: {keeper: {constraints: cores=1}}\n');
    const wanted = [join(folder, 'bundle.yaml'), '--overlay', join(folder, 'cores.yaml')];
    const stays = /node keeper-0 stays as it was made: constraints none, wanted cores=1/;
    const diff = await api.cli(['diff', 'lab', ...wanted]);
    expect(diff.stdout).toMatch(stays);
    expect(diff.code).toBe(1);
    const up = ['up', ...wanted, '--on', 'rack', '--name', 'lab', '--yes'];
    expect((await api.cli(up)).stderr).toMatch(stays);
    expect(await good(...up)).toMatch(stays);
    const { stdout, stderr } = await api.cli([...up, '--replace', 'keeper-0']);
    expect(stderr).toContain('go; another takes its place');
    expect(stderr).toContain('move keeper/0 to the new node keeper-0');
    expect(stdout).toContain('lab is up');
    expect((await api.cli(['diff', 'lab', ...wanted])).code).toBe(0);
  }, 180_000);
});

describe('muster retry --replace', () => {
  it('is for runs in which a node failed', async () => {
    const refused = await api.cli(['retry', 'lab', '--replace', '--yes']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('name it');
    const unknown = await api.cli(['retry', 'lab', '--replace', 'keeper-7', '--yes']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('its nodes: keeper-0');
  });

  it('lets a host that died go, and lays its units on another', async () => {
    const lost = servers.find(({ authorizedKeys }) => authorizedKeys !== `${key.publicKey}\n`)!;
    const other = servers.find((server) => server !== lost)!;
    await lost.cut();
    const failed = await api.cli(['set', 'keeper', 'word=three', '-D', 'lab', '--yes']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/keeper\/0:keep.*stalled/);
    const shown = await api.cli(['retry', 'lab', '--replace']);
    expect(shown.code).toBe(4);
    expect(shown.stderr).toContain('let node keeper-0');
    await good('retry', 'lab', '--replace', '--yes');
    expect(other.authorizedKeys).not.toBe(`${key.publicKey}\n`);
    expect(await good('outputs', 'lab', 'password')).toBe('sesame-three\n');
    const { steps } = JSON.parse(await good('runs', 'show', 'lab', '--json')) as RunDetail;
    expect(steps.map(({ key: step }) => step)).toEqual(
      expect.arrayContaining(['node/keeper-0:choose', 'keeper/0:keep']),
    );
    expect(readFileSync(join(folder, 'word'), 'utf8')).toBe('three\n');
    const down = await api.cli(['down', 'lab', '--yes']);
    expect(down.stdout).toContain('lab is down');
    expect(down.stderr).toContain('remove keeper/0 from node keeper-0');
    // The host is somebody's own and stays: what the role laid there does not.
    expect(existsSync(join(folder, 'word'))).toBe(false);
  }, 180_000);
});
