import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeploymentAction, Run } from '../../src/api/contract/index.js';
import { Datastores } from '../support/datastores.js';
import { eventually } from '../support/pipeline-engine.js';
import { SshCloud } from '../support/ssh-cloud.js';

const ROLE = `role: keeper
summary: Keeps a word
bases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]
options:
  folder: {type: string, description: Where}
  word: {type: string, default: one, description: Which}
peers: {ring: keepers}
steps:
  keep: {run: keep.sh, publishes: [word], timeout: 1m, retries: 0, repeatable: true}
actions:
  copy:
    summary: Writes the word to a file
    run: copy.sh
    params:
      to: {type: string, required: true, description: The file's name}
      times: {type: int, default: 1, description: How often}
    after: [ring]
    publishes: [path, size]
    secrets: [token]
    timeout: 1m
  fail: {summary: Fails on unit 1, run: fail.sh, publishes: [tried], timeout: 1m}
  lock:
    summary: Locks it
    run: lock.sh
    params:
      opener: {type: string, required: true, secret: true, description: What opens it}
      other: {type: string, secret: true, description: What opens it too}
      hint: {type: string, description: For who forgets it}
    timeout: 1m
  wait: {summary: Waits for a file, run: wait.sh, timeout: 1m}
  first: {summary: On one alone, run: first.sh, leader: true, timeout: 1m}
  burn: {summary: Takes the word away, run: burn.sh, destructive: true, timeout: 1m}
  turns: {summary: One by one, run: turns.sh, serial: true, timeout: 1m}
`;
const SCRIPTS = {
  'keep.sh': `#!/bin/bash
set -eu
mkdir -p "$OPT_FOLDER/$UNIT"
printf '%s' "$OPT_WORD" >"$OPT_FOLDER/$UNIT/word"
muster-publish word "$OPT_WORD"
`,
  'copy.sh': `#!/bin/bash
set -eu
file=$OPT_FOLDER/$UNIT/$PARAM_TO
for ((i = 0; i < PARAM_TIMES; i++)); do cat "$OPT_FOLDER/$UNIT/word"; done >"$file"
grep -o '"params":{[^}]*}' "$MUSTER_INPUT" >"$file.params"
echo "heard \${REL_RING_0_WORD:-nothing}"
token=sesame-$UNIT_NUMBER
muster-publish --secret token "$token"
muster-publish path "$file"
muster-publish size "$(stat -c %s "$file")"
echo "the token is $token"
`,
  'fail.sh':
    '#!/bin/bash\nmuster-publish tried "$UNIT"\n[ "$UNIT_NUMBER" = 0 ] || { echo "cannot do it here" >&2; exit 2; }\n',
  'lock.sh': `#!/bin/bash
set -eu
printf '%s|%s|%s' "$PARAM_OPENER" "$PARAM_OTHER" "$PARAM_HINT" >"$OPT_FOLDER/$UNIT/lock"
grep -o '"params":{[^}]*}' "$MUSTER_INPUT" >"$OPT_FOLDER/$UNIT/lock.params"
echo "locked with $PARAM_OPENER"
[ "$PARAM_HINT" != fail ] || [ -e "$OPT_FOLDER/mended" ] || { echo "cannot lock with $PARAM_OPENER" >&2; exit 2; }
`,
  'wait.sh': '#!/bin/bash\nuntil [ -e "$OPT_FOLDER/go" ]; do sleep 0.2; done\n',
  'first.sh': '#!/bin/bash\nmuster-publish leader "$LEADER"\n',
  'burn.sh': '#!/bin/bash\nrm "$OPT_FOLDER/$UNIT/word"\n',
  'turns.sh': `#!/bin/bash
mkdir "$OPT_FOLDER/turn" || exit 2
sleep 1
rmdir "$OPT_FOLDER/turn"
`,
};

let stores: Datastores;
let cloud: SshCloud;
let viewer: string;
const good = (...argv: string[]) => cloud.good(...argv);
const file = (path: string) => join(cloud.folder, path);

beforeAll(async () => {
  stores = await Datastores.start();
  cloud = await SshCloud.start(stores, 2);
  cloud.write('lab/roles/keeper/role.yaml', ROLE);
  for (const [name, text] of Object.entries(SCRIPTS)) cloud.write(`lab/roles/keeper/${name}`, text);
  const options = `{folder: "${cloud.folder}/kept"}`;
  cloud.write(
    'lab/bundle.yaml',
    `name: lab\napplications: {keeper: {role: keeper, num_units: 2, options: ${options}}}\n`,
  );
  await good('up', file('lab'), '--on', 'rack', '--yes');
  viewer = (await good('tokens', 'create', 'reader')).trim();
}, 120_000);
afterAll(async () => {
  await cloud.stop();
  await stores.stop();
});

const query = <Row>(sql: string) => cloud.api.app.get(DataSource).query<Row[]>(sql);
const sealedAndGiven = async () =>
  (await query<{ n: number }>('select count(*)::int as n from output where given'))[0]!.n;

/** Every row of every table. */
async function stored(): Promise<string> {
  const tables = await query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'");
  const rows = await Promise.all(
    tables.map(({ name }) => query<{ row: string }>(`select t::text as row from "${name}" as t`)),
  );
  return rows
    .flat()
    .map(({ row }) => row)
    .join('\n');
}

const act = (...argv: string[]) => cloud.api.cli(['action', ...argv]);

describe('muster actions', () => {
  it('lists what the applications do, and what is said to it', async () => {
    const text = await good('actions', 'list', 'lab');
    expect(text).toMatch(/keeper +copy +to=string \[times=1\] +Writes the word to a file/);
    expect(text).toMatch(/keeper\/0 +first +On one alone/);
    const items = JSON.parse(await good('actions', 'list', 'lab', 'keeper', '--json')) as DeploymentAction[];
    expect(items.find(({ action }) => action === 'copy')).toMatchObject({
      ...{ application: 'keeper', units: ['keeper/0', 'keeper/1'], destructive: false },
      params: [
        { name: 'to', required: true },
        { name: 'times', type: 'int', default: 1 },
      ],
    });
    const unknown = await cloud.api.cli(['actions', 'list', 'lab', 'keper']);
    expect(unknown).toMatchObject({ code: 3, stdout: '' });
    expect(unknown.stderr).toContain('did you mean "keeper"?');
  });

  it('are words that completion knows', async () => {
    const words = async (...line: string[]) => (await good('completion', 'words', '--', ...line)).split('\n');
    expect(await words('action')).toEqual(expect.arrayContaining(['keeper', 'keeper/0', 'keeper/1']));
    expect(await words('action', 'keeper/0')).toEqual(expect.arrayContaining(['copy', 'burn']));
  });
});

describe('muster action', () => {
  it('runs it on a unit, with its parameters, and prints what it published', async () => {
    const name = '$(touch no) "x" y';
    const ended = await act('keeper/0', 'copy', `to=${name}`, 'times=2');
    expect(ended).toMatchObject({ code: 0 });
    const path = file(`kept/keeper/0/${name}`);
    expect(ended.stdout).toBe(`path   ${path}\nsize   6\ntoken  (secret)\n`);
    expect(readFileSync(path, 'utf8')).toBe('oneone');
    expect(JSON.parse(`{${readFileSync(`${path}.params`, 'utf8')}}`)).toEqual({ params: { to: name, times: 2 } });
    expect(ended.stderr).toContain('keeper/0: copy');
    expect(await good('logs', 'lab')).toMatch(/heard one\n.*the token is \[masked\]/);
  });

  it('shows a secret to nobody, and gives it to who asks for it into a private file', async () => {
    const saved = file('token');
    expect((await act('keeper/1', 'copy', 'to=b', '--save', `token=${saved}`, '--json')).stdout).not.toContain(
      'sesame',
    );
    expect(readFileSync(saved, 'utf8')).toBe('sesame-1');
    expect(statSync(saved).mode & 0o777).toBe(0o600);
    for (const argv of [
      ['runs', '--json'],
      ['audit', '--json'],
      ['logs', 'lab'],
      ['status', 'lab', '--json'],
    ])
      expect(await good(...argv)).not.toContain('sesame');
  });

  it('takes secret parameters, and keeps them out of all that it shows and stores', async () => {
    expect(await good('actions', 'list', 'lab')).toMatch(/lock +opener=@FILE \[other=@FILE\] \[hint=string\]/);
    cloud.write('open', 'hunter2 $(x)\n');
    const ended = await act('keeper', 'lock', `opener=@${file('open')}`, 'hint=dog');
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    for (const unit of ['keeper/0', 'keeper/1']) {
      expect(readFileSync(file(`kept/${unit}/lock`), 'utf8')).toBe('hunter2 $(x)||dog');
      const params = JSON.parse(`{${readFileSync(file(`kept/${unit}/lock.params`), 'utf8')}}`) as object;
      expect(params).toEqual({ params: { opener: 'hunter2 $(x)', other: null, hint: 'dog' } });
    }
    const [run] = JSON.parse(await good('runs', '--of', 'lab', '--json')) as Run[];
    expect(await good('logs', run!.id)).toContain('locked with [masked]');
    expect(await sealedAndGiven()).toBe(0);

    // One that fails keeps them for a retry, and shows them no more than that.
    const failing = ['lock', `opener=@${file('open')}`, 'hint=fail'];
    const failed = await act('keeper/0', ...failing);
    expect(failed.code).toBe(1);
    expect(failed.stderr).not.toContain('hunter2');
    expect(await sealedAndGiven()).toBe(1);
    const [last] = JSON.parse(await good('runs', '--of', 'lab', '--json')) as Run[];
    expect((await cloud.api.cli(['runs', 'show', last!.id, '--json'])).stdout).toContain('lock');
    cloud.write('kept/mended', '');
    await good('retry', last!.id);
    expect(await sealedAndGiven()).toBe(0);

    // What is refused has been looked at by nobody who knows which are secret.
    expect((await act('keeper/0', 'lock', 'openr=hunter2', `opener=@${file('open')}`)).code).toBe(2);
    expect((await act('keeper/0', 'lock', 'hint=x')).stderr).toContain('opener is missing: What opens it');
    const audit = await good('audit', '--json');
    expect(audit).toContain('"opener": "(secret)"');
    expect(audit).toContain('"openr"');
    for (const text of [audit, await good('runs', '--json'), await good('logs', 'lab'), await stored()])
      expect(text).not.toContain('hunter2');
  });

  it('runs it on all units of an application, each by itself', async () => {
    const { code, stdout } = await act('lab:keeper', 'copy', 'to=c', '--json');
    expect(code).toBe(0);
    const { units } = JSON.parse(stdout) as { units: object };
    expect(units).toEqual({
      'keeper/0': { path: file('kept/keeper/0/c'), size: '3', token: null },
      'keeper/1': { path: file('kept/keeper/1/c'), size: '3', token: null },
    });
    expect((await act('keeper', 'copy', 'to=d')).stdout).toMatch(
      /^keeper\/0\n {2}path .*\n {2}size .*\n.*\nkeeper\/1\n/,
    );
    expect((await act('keeper', 'first')).stdout).toBe('leader  true\n');
    expect((await act('keeper', 'turns')).code).toBe(0);
  });

  it('ends with 1 where it failed, and shows what the others did; the deployment stands as it stood', async () => {
    const failed = await act('keeper', 'fail');
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('keeper/0');
    expect(failed.stderr).toMatch(/keeper\/1:fail/);
    const [run] = JSON.parse(await good('runs', '--of', 'lab', '--json')) as Run[];
    expect(run).toMatchObject({ action: 'action', title: 'fail on keeper (lab)', status: 'failed' });
    expect(JSON.parse(await good('status', 'lab', '--json'))).toMatchObject({ status: 'ready', reason: null });
    expect(await good('diff', 'lab')).toBe('lab: nothing to do\n');
  });

  it.each([
    [['keeper/0', 'copy'], 2, 'to is missing'],
    [['keeper/0', 'copy', 'to=x', 'times=often'], 2, 'wrong value for times: expected a whole number'],
    [['keeper/0', 'copy', 'too=x', 'to=y'], 2, 'did you mean "to"?'],
    [['keeper/0', 'copy', 'x'], 2, 'give parameter=value'],
    [['keeper/0', 'cpy'], 3, 'did you mean "copy"?'],
    [['keeper/7', 'copy', 'to=x'], 3, 'its units: keeper/0, keeper/1'],
    [['nothing/0', 'copy'], 3, 'there are: lab'],
    [['other:keeper/0', 'copy'], 3, 'other'],
    [['keeper/1', 'first'], 4, 'it runs on unit 0 alone'],
    [['keeper/0', 'burn'], 4, 'add --yes'],
  ])('%j ends with %i', async (argv, code, text) => {
    const before = await good('runs', '--of', 'lab', '--json');
    const ended = await act(...argv);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(text);
    expect(await good('runs', '--of', 'lab', '--json')).toBe(before);
  });

  it('asks before what destroys, is for operators, and stands in the audit', async () => {
    expect(await cloud.api.cli(['action', 'keeper/0', 'first'], { token: viewer })).toMatchObject({
      code: 4,
      stdout: '',
    });
    expect((await cloud.api.cli(['action', 'keeper/1', 'burn'], { input: 'n\n' })).code).toBe(4);
    expect(existsSync(file('kept/keeper/1/word'))).toBe(true);
    expect((await act('keeper/1', 'burn', '--yes')).code).toBe(0);
    expect(existsSync(file('kept/keeper/1/word'))).toBe(false);
    const entries = JSON.parse(await good('audit', '--json')) as { action: string; subject: string; after: object }[];
    const entry = entries.find(
      ({ action, after }) => action === 'actions.run' && 'run' in after && JSON.stringify(after).includes('copy'),
    );
    expect(entry).toMatchObject({
      subject: 'deployments/lab',
      after: { target: 'keeper', action: 'copy', params: { to: 'd' } },
    });
  });

  it('is one change at a time: others wait, or are told which run is in the way', async () => {
    const begun = JSON.parse((await act('keeper/0', 'wait', '--detach', '--json')).stdout) as Run;
    const other = await act('keeper/0', 'copy', 'to=e');
    expect(other.code).toBe(4);
    expect(other.stderr).toContain(begun.id);
    const set = await cloud.api.cli(['set', 'keeper.word=two', '-D', 'lab', '--yes']);
    expect(set.code).toBe(4);
    expect(set.stderr).toContain(begun.id);
    expect(JSON.parse(await good('status', 'lab', '--json'))).toMatchObject({ status: 'working' });
    cloud.write('kept/go', '');
    const over = async () => JSON.parse(await good('runs', 'show', begun.id, '--json')) as Run;
    await eventually('it is over', async () => (await over()).status === 'succeeded', 30_000);
    expect((await act('keeper/0', 'copy', 'to=e')).code).toBe(0);
  });
});
