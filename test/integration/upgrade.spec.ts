import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeploymentDetail, RunDetail, UpgradeReply } from '../../src/api/contract/index.js';
import { generateSshKey } from '../../src/platform/remote/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { eventually } from '../support/pipeline-engine.js';
import { PrivateSshd } from '../support/private-sshd.js';

/** Every script tells when it ran, by the node's own clock. */
const told = (what: string) =>
  `#!/bin/bash\nset -eu\ntell() { echo "$(date +%s%N) $UNIT $1" >>"$OPT_FOLDER/told"; }\n${what}`;
const bases = '[debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]';
const ROLES = {
  store: {
    'role.yaml': `role: store
summary: Keeps a word
bases: ${bases}
options:
  folder: {type: string, description: Where}
  word: {type: string, default: one, description: Which}
provides: {db: words}
peers: {cluster: stores}
steps:
  keep: {run: keep.sh, publishes: [word], timeout: 1m, retries: 0, repeatable: true}
  meet: {run: meet.sh, after: [keep, cluster], timeout: 1m, retries: 0, repeatable: true}
  health: {run: health.sh, on: verify, timeout: 1m, retries: 0, repeatable: true}
  remove: {run: remove.sh, on: remove, repeatable: true}
`,
    'keep.sh': told(`tell "keep-begins $OPT_WORD"; sleep 0.3
echo "$OPT_WORD" >"$OPT_FOLDER/word-\${UNIT//\\//-}"; echo "word=$OPT_WORD" >>"$MUSTER_OUTPUT"; tell "keep $OPT_WORD"`),
    'meet.sh': told(
      `all=; for ((i = 0; i < REL_CLUSTER_UNITS; i++)); do v="REL_CLUSTER_\${i}_WORD"; all="$all\${!v},"; done; tell "meet $all"`,
    ),
    'health.sh': told(`tell health; [ ! -e "$OPT_FOLDER/sick-\${UNIT//\\//-}" ] || { echo "it is sick" >&2; exit 3; }
[ "$(cat "$OPT_FOLDER/word-\${UNIT//\\//-}")" = "$OPT_WORD" ]`),
    'remove.sh': told('rm -f "$OPT_FOLDER/word-${UNIT//\\//-}"'),
  },
  web: {
    'role.yaml': `role: web
summary: Shows a word
bases: ${bases}
options:
  folder: {type: string, description: Where}
requires: {db: words}
steps:
  show: {run: show.sh, after: [db], timeout: 1m, retries: 0, repeatable: true}
`,
    'show.sh': told('tell "show $REL_DB_0_WORD$REL_DB_1_WORD$REL_DB_2_WORD"'),
  },
};

const key = generateSshKey('operator');
let stores: Datastores;
let api: ApiApp;
let servers: PrivateSshd[];
let folder: string;

beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], undefined, 'api,worker,scheduler');
  servers = await Promise.all([1, 2, 3].map(() => PrivateSshd.start(key.publicKey)));
  folder = mkdtempSync(join(tmpdir(), 'muster-upgrade-'));
  for (const [role, files] of Object.entries(ROLES)) {
    mkdirSync(join(folder, 'roles', role), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'roles', role, name), text);
  }
  // Who needs the other is said first: the order is not that of the file.
  writeFileSync(
    join(folder, 'bundle.yaml'),
    `name: shop
applications:
  web: {role: web, to: [store/2], options: {folder: "${folder}"}}
  store: {role: store, num_units: 3, options: {folder: "${folder}", word: one}}
relations: [[web:db, store:db]]
`,
  );
  const hosts = servers.flatMap(({ port, hostKey }) => ['--host', `root@127.0.0.1:${port}`, '--host-key', hostKey]);
  const keyFile = servers[0]!.keep('client-key', key.privateKey);
  await good('clouds', 'add', 'rack', '--type', 'ssh', ...hosts, '--key', `@${keyFile}`);
  await good('clouds', 'check', 'rack');
  await good('up', folder, '--on', 'rack', '--yes');
  saw();
}, 120_000);
afterAll(async () => {
  await api.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

const LONG = 180_000;

async function good(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.cli(argv);
  if (code !== 0) throw new Error(`muster ${argv.join(' ')}: exit code ${code}\n${stderr}`);
  return stdout;
}

/** What the nodes have told since the last look, by their own clock. */
function saw(): string[] {
  const file = join(folder, 'told');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').trim().split('\n').sort();
  rmSync(file);
  return lines.map((line) => line.slice(line.indexOf(' ') + 1));
}

const words = () => [0, 1, 2].map((n) => readFileSync(join(folder, `word-store-${n}`), 'utf8').trim());
const status = async () => JSON.parse(await good('status', 'shop', '--json')) as DeploymentDetail;
const setting = (word: string) => ['--set', `store.word=${word}`];

it('shows the order before, with failure domains and an estimate, and changes nothing', async () => {
  const said = await good('upgrade', 'shop', ...setting('two'), '--dry-run');
  expect(said).toMatch(/^shop on rack: \d+ steps, about /);
  expect(said).toContain('set store.word: one -> two');
  expect(said).toContain('1. node store-0: store/0 (keep); then store/0:health');
  expect(said).toContain('3. node store-2: store/2 (keep, meet); then store/2:health');
  const { stages } = JSON.parse(
    await good('upgrade', 'shop', ...setting('two'), '--dry-run', '--json'),
  ) as UpgradeReply;
  expect(stages.map(({ units }) => units.map(({ unit }) => unit).join())).toEqual([
    ...['store/0', 'store/1', 'store/2', 'web/0', 'store/0', 'store/1'],
  ]);
  expect(saw()).toEqual([]);
  expect(words()).toEqual(['one', 'one', 'one']);
  expect((await status()).upgrade).toBeNull();
});

it(
  'upgrades one unit after the other, and who needs them last',
  async () => {
    await good('upgrade', 'shop', ...setting('two'), '--yes');
    const seen = saw();
    const first = (line: string) => {
      expect(seen).toContain(line);
      return seen.indexOf(line);
    };
    for (const [n, next] of [
      [0, 1],
      [1, 2],
    ]) {
      expect(first(`store/${n} keep two`)).toBeLessThan(first(`store/${n} health`));
      expect(first(`store/${n} health`)).toBeLessThan(first(`store/${next} keep-begins two`));
    }
    expect(first('web/0 show twotwotwo')).toBeGreaterThan(first('store/2 health'));
    // What reads its peers is told of all of them in the end, in the same order.
    expect(first('store/0 meet two,two,')).toBeLessThan(first('store/1 meet two,two,'));
    expect(words()).toEqual(['two', 'two', 'two']);
    expect((await status()).status).toBe('ready');
    expect(await good('upgrade', 'shop', '--yes')).toContain('nothing to do');
  },
  LONG,
);

it(
  'stops at the first check that fails: the rest is untouched, and the message says how to go on',
  async () => {
    writeFileSync(join(folder, 'sick-store-1'), '');
    const failed = await api.cli(['upgrade', 'shop', ...setting('three'), '--yes']);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('check/2/store/1:health');
    expect(failed.stderr).toContain('it is sick');
    expect(failed.stderr).toContain('half upgraded: 1 of 4 units done (store/0)');
    expect(failed.stderr).toMatch(/the rest is untouched.*muster retry .*muster upgrade shop --rollback/);
    expect(words()).toEqual(['three', 'three', 'two']);
    expect(saw().filter((line) => /store\/2|web/.test(line))).toEqual([]);
    const { upgrade, ...deployment } = await status();
    expect(deployment.status).toBe('failed');
    expect(upgrade).toMatchObject({
      action: 'upgrade',
      done: ['store/0'],
      underWay: ['store/1'],
      left: ['store/2', 'web/0'],
    });
    expect(await good('status')).toContain('failed (half upgraded)');
  },
  LONG,
);

it(
  'goes on from the failed check when that is mended',
  async () => {
    rmSync(join(folder, 'sick-store-1'));
    await good('retry', 'shop');
    await eventually('it is done', async () => (await status()).status === 'ready', 60_000);
    expect(words()).toEqual(['three', 'three', 'three']);
    const seen = saw();
    expect(seen[0]).toBe('store/1 health');
    expect(seen).not.toContain('store/1 keep three');
    expect((await status()).upgrade).toBeNull();
  },
  LONG,
);

it(
  'goes back to the last version that was whole, in the same way, and leaves alone what was never touched',
  async () => {
    writeFileSync(join(folder, 'sick-store-1'), '');
    expect((await api.cli(['upgrade', 'shop', ...setting('four'), '--yes'])).code).toBe(1);
    expect((await api.cli(['upgrade', 'shop', ...setting('five'), '--yes'])).code).toBe(1);
    rmSync(join(folder, 'sick-store-1'));
    saw();
    const shown = await good('upgrade', 'shop', '--rollback', '--dry-run');
    expect(shown).toContain('set store.word: five -> three');
    await good('upgrade', 'shop', '--rollback', '--yes');
    expect(words()).toEqual(['three', 'three', 'three']);
    const seen = saw();
    expect(seen.indexOf('store/0 health')).toBeLessThan(seen.indexOf('store/1 keep-begins three'));
    expect(seen).not.toContain('store/2 keep three');
    const { run } = await status();
    expect(run).toMatchObject({ action: 'rollback', status: 'succeeded' });
    // Back once more is further back, not forth.
    expect(await good('upgrade', 'shop', '--rollback', '--dry-run')).toContain('set store.word: three -> two');
  },
  LONG,
);

it(
  'is what the action of a schedule does, and is refused beside another change',
  async () => {
    const role = join(folder, 'roles/store/keep.sh');
    writeFileSync(role, `${readFileSync(role, 'utf8')}\n# another text\n`);
    await good('upgrade', 'shop', folder, '--yes', '--detach', ...setting('six'));
    const beside = await api.cli(['upgrade', 'shop', ...setting('seven'), '--yes']);
    expect(beside.code).toBe(4);
    expect(beside.stderr).toMatch(/cannot (start|run)/);
    await eventually('it is done', async () => (await status()).status === 'ready', 90_000);
    saw();
    await good('schedules', 'add', 'nightly', '-D', 'shop', '--cron', '0 3 * * *', '--action', 'upgrade');
    await good('schedules', 'run', 'nightly');
    const history = () => good('schedules', 'history', 'nightly');
    await eventually('it has run', async () => /succeeded|failed/.test(await history()), 60_000);
    expect(await history()).toContain('succeeded');
    const [latest] = JSON.parse(await good('runs', '--of', 'shop', '--json')) as RunDetail[];
    expect(latest).toMatchObject({ action: 'upgrade', stepsTotal: 0 });
    const wrong = await api.cli(['upgrade', 'shop', '--rollback', ...setting('x')]);
    expect(wrong.code).toBe(2);
  },
  LONG,
);
