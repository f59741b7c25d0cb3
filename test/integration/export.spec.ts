import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Datastores } from '../support/datastores.js';
import { httpsClient } from '../support/https-client.js';
import { SshCloud } from '../support/ssh-cloud.js';

const ROLE = `role: keeper
summary: Keeps a word
bases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]
options:
  folder: {type: string, description: Where}
  word: {type: string, default: one, description: Which}
  note: {type: string, default: "", description: More}
  password: {type: string, default: "", secret: true, description: Who may}
peers: {ring: keepers}
steps:
  keep: {run: keep.sh, publishes: [url], timeout: 1m, retries: 0, repeatable: true}
  meet: {run: meet.sh, after: [ring], timeout: 1m, retries: 0, repeatable: true}
`;
const KEEP = `#!/bin/bash
set -eu
mkdir -p "$OPT_FOLDER/$UNIT"
printf '%s' "$OPT_WORD $OPT_NOTE $OPT_PASSWORD" >"$OPT_FOLDER/$UNIT/word"
muster-publish url "http://$UNIT/"
`;

let stores: Datastores;
let cloud: SshCloud;
let viewer: string;
const good = (...argv: string[]) => cloud.good(...argv);
const file = (path: string) => join(cloud.folder, path);

beforeAll(async () => {
  stores = await Datastores.start();
  cloud = await SshCloud.start(stores, 2);
  cloud.write('lab/roles/keeper/role.yaml', ROLE);
  cloud.write('lab/roles/keeper/keep.sh', KEEP);
  cloud.write('lab/roles/keeper/meet.sh', '#!/bin/bash\necho "$REL_RING_UNITS"\n');
  cloud.write('lab/note.txt', 'two\nlines: "and" $(more)\n');
  cloud.write('lab/password.txt', 'sesame-open');
  cloud.write(
    'lab/bundle.yaml',
    `name: lab
variables: {size: &size 1}
machines: {"0": {}}
applications:
  keeper:
    role: keeper
    num_units: *size
    to: ["0"]
    options: {folder: "${cloud.folder}/kept", note: "include-file://note.txt", password: include-file://password.txt}
muster: {outputs: {url: keeper.url}}
`,
  );
  cloud.write('overlay.yaml', 'applications: {keeper: {options: {word: 1.30}}}\n');
  await good('up', file('lab'), '--overlay', file('overlay.yaml'), '--on', 'rack', '--name', 'prod', '--yes');
  viewer = (await good('tokens', 'create', 'reader')).trim();
}, 120_000);
afterAll(async () => {
  await cloud.stop();
  await stores.stop();
});

const isTheSame = async () => {
  const diff = await cloud.api.cli(['diff', 'prod', file('out/bundle.yaml')]);
  expect(diff).toMatchObject({ code: 0, stdout: 'prod: nothing to do\n' });
};
const exported = () => {
  rmSync(file('out'), { recursive: true, force: true });
  return good('export', 'prod', '--output', file('out/bundle.yaml'), '--with-secrets');
};

describe('muster export', () => {
  it('writes a bundle in which there is nothing to do, with what goes beside it', async () => {
    expect((await exported()).trim().split('\n')).toEqual(
      [
        'bundle.yaml',
        ...['keep.sh', 'meet.sh', 'role.yaml'].map((name) => `roles/keeper/${name}`),
        'values/keeper.password',
      ].map((path) => file(`out/${path}`)),
    );
    await isTheSame();
    const text = readFileSync(file('out/bundle.yaml'), 'utf8');
    expect(text).toContain('# muster up THIS-FILE --on rack --name prod\n');
    expect(text).toContain('word: 1.30');
    expect(text).not.toMatch(/sesame|variables|include-file:..note/);
  });

  it('still does so after scale and set', async () => {
    await good('scale', 'keeper=2', '-D', 'prod', '--yes');
    await good('set', 'keeper.word=$(two) "words"', 'keeper.note=3', '-D', 'prod', '--yes');
    expect((await cloud.api.cli(['diff', 'prod', file('out/bundle.yaml')])).code).toBe(1);
    await exported();
    await isTheSame();
    expect(readFileSync(file('kept/keeper/1/word'), 'utf8')).toBe('$(two) "words" 3 sesame-open');
    // Also where it is laid over the same: nothing runs.
    await good('up', file('out/bundle.yaml'), '--name', 'prod', '--on', 'rack', '--yes');
    await isTheSame();
  });

  it('gives secrets to those who ask for them alone, in files that nobody else can read', async () => {
    rmSync(file('out'), { recursive: true });
    const without = await cloud.api.cli(['export', 'prod', '--output', file('out/bundle.yaml')]);
    expect(without).toMatchObject({ code: 0 });
    expect(without.stderr).toContain('left out, for you to put there: values/keeper.password');
    expect(existsSync(file('out/values'))).toBe(false);
    expect(statSync(file('out/bundle.yaml')).mode & 0o777).toBe(0o600);
    const missing = await cloud.api.cli(['diff', 'prod', file('out/bundle.yaml')]);
    expect(missing.stderr).toContain('there is no file "values/keeper.password" to include');
    for (const argv of [
      ['export', 'prod'],
      ['export', 'prod', '--json'],
      ['diff', 'prod', '--json'],
    ])
      expect(JSON.stringify(await cloud.api.cli(argv))).not.toContain('sesame');
    expect(await good('export', 'prod', '--json', '--with-secrets')).toContain('sesame-open');
    expect(await cloud.api.cli(['export', 'prod'], { token: viewer })).toMatchObject({ code: 4, stdout: '' });
    expect(await good('audit', '--json')).toContain('deployments.export');
  });

  it('shows a secret that is set in no plan, title or audit', async () => {
    const plan = await cloud.api.cli(['set', 'keeper.password=abracadabra', '-D', 'prod', '--yes']);
    expect(plan.code).toBe(0);
    expect(plan.stdout + plan.stderr).toContain('(secret)');
    expect(readFileSync(file('kept/keeper/0/word'), 'utf8')).toContain('abracadabra');
    for (const argv of [
      ['runs', '--json'],
      ['audit', '--json'],
      ['status', 'prod', '--json'],
    ])
      expect(plan.stdout + plan.stderr + (await good(...argv))).not.toContain('abracadabra');
  });

  it('leaves none of it in the audit, where `up` and what was refused stand too', async () => {
    const send = httpsClient(cloud.api);
    const token = readFileSync(join(cloud.api.dataDir, 'admin.token'), 'utf8').trim();
    const settings = [
      { application: 'keeper', option: 'password', value: 'open-up' },
      { application: 'keeper', option: 'nonsense', value: '1' },
    ];
    for (const [path, body] of [
      ['deployments/prod/changes', { settings }],
      ['deployments/prod/upgrades', { settings }],
      ['deployments', { files: [{ path: 'bundle.yaml', text: 'name: lab # open-up' }], settings, on: 'rack' }],
    ] as const) {
      const answer = await send('POST', `/v1/${path}`, { token, body: JSON.stringify(body) });
      expect([path, answer.status]).toEqual([path, 400]);
    }
    const audit = await good('audit', '--json', '--limit', '100');
    expect(audit).toContain('"refused"');
    for (const secret of ['sesame-open', 'abracadabra', 'open-up']) expect(audit).not.toContain(secret);
  });

  it('prints it, and overwrites nothing that is another', async () => {
    const printed = await cloud.api.cli(['export', 'prod']);
    expect(printed.stdout).toContain('applications:');
    expect(printed.stderr).toContain('beside it belong roles/keeper/keep.sh');
    mkdirSync(dirname(cloud.write('taken/roles/keeper/keep.sh', 'mine\n')), { recursive: true });
    const refused = await cloud.api.cli(['export', 'prod', '-o', file('taken/bundle.yaml')]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('roles/keeper/keep.sh: another is there');
    expect(existsSync(file('taken/bundle.yaml'))).toBe(false);
    expect(await cloud.api.cli(['export', 'nothing'])).toMatchObject({ code: 3 });
  });
});
