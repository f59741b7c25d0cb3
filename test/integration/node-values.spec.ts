import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileBundle, loadBundle, parseRole, type RoleDefinition } from '../../src/bundles/index.js';
import { nodeHandlers } from '../../src/pipeline/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import { Datastores } from '../support/datastores.js';
import { TestEngine } from '../support/pipeline-engine.js';
import { Sshd } from '../support/sshd.js';

/** What a value may be: whatever a shell, a line, YAML or JSON could take for its own. */
const VALUES: readonly string[] = [
  '',
  `it's "quoted" by 'both' and \`more\``,
  'two lines\nand a last one without an end',
  '\n\nempty lines around\n\n',
  '$(touch /tmp/muster-owned) `touch /tmp/muster-owned` ${HOME} $HOME $$ $(',
  `'; touch /tmp/muster-owned; '`,
  `"; touch /tmp/muster-owned; "`,
  'EOF\nEND\nv0=another\nsecret v1=another\n---\nv2<<EOF',
  '\\n \\ \\\\ \\x41 %s %n %%',
  'tab\tcarriage\rreturn\r\nat the end\r',
  '-n',
  '--secret',
  ' spaces around ',
  '* ? [a-z] ~ ! # & | ; < > ( ) { }',
  'ünïcödé 漢字 🎉 \u202e',
  '\ufeffa byte order mark',
  '\u0001\u001b[31m\u007f',
  '{"$output": {"step": "x", "name": "y"}}',
  `${'x'.repeat(200_000)}'\n$(touch /tmp/muster-owned)\n"${'y'.repeat(100_000)}\n`,
];
const names = VALUES.map((_, index) => `v${index}`);

/** Sets $here to a file with the value of the variable named by the first argument, byte by byte. */
const VALUE = `value() { # VARIABLE FILE
  eval "file=\\$\{$1_FILE:-}"
  if [ -n "$file" ]; then cat "$file" >"$2"; else eval "printf %s \\"\\$$1\\"" >"$2"; fi
}
`;

const GIVE = `#!/bin/sh
set -eu
${VALUE}
for name in ${names.join(' ')}; do
  value "OPT_$(echo "$name" | tr v V)" value
  muster-publish "$name" <value
  muster-publish --secret "secret_$name" <value
done
`;
const TAKE = `#!/bin/sh
set -eu
${VALUE}
cp "$MUSTER_INPUT" "$OPT_TO/input.json"
for name in ${names.join(' ')}; do
  number=$(echo "$name" | tr v V)
  value "REL_FROM_0_$number" "$OPT_TO/$name"
done
`;

function role(yaml: object, files: Record<string, string>): RoleDefinition {
  const read = parseRole({ name: 'role.yaml', text: JSON.stringify(yaml) }, files);
  if (!read.role) throw new Error(JSON.stringify(read.diagnostics));
  return read.role;
}

const text = { type: 'string', description: 'a value' };
const about = { summary: 'for a test', bases: ['debian@12'] };
const giver = role(
  {
    ...about,
    role: 'giver',
    options: Object.fromEntries(names.map((name) => [name, text])),
    provides: { to: 'values' },
    steps: {
      give: {
        run: 'give.sh',
        publishes: names,
        secrets: Object.fromEntries(names.map((name) => [`secret_${name}`, ['to']])),
      },
    },
  },
  { 'give.sh': GIVE },
);
const taker = role(
  {
    ...about,
    role: 'taker',
    options: { to: text },
    requires: { from: 'values' },
    steps: { take: { run: 'take.sh', after: ['from'] } },
  },
  { 'take.sh': TAKE },
);

let stores: Datastores;
let dataSource: DataSource;
let sshd: Sshd;

beforeAll(async () => {
  [stores, sshd] = await Promise.all([Datastores.start(), Sshd.start()]);
  ({ dataSource } = await stores.createDatabase());
});
afterAll(async () => {
  await dataSource.destroy();
  await Promise.all([stores.stop(), sshd.stop()]);
});

it('a value goes through options, outputs and relations into the next script byte by byte, whatever it is', async () => {
  const remote = new SshRemote();
  const nodes = { find: (id: string) => Promise.resolve({ ...sshd.target, name: id }) };
  const engine = new TestEngine({
    dataSource,
    redisUrl: stores.redis.url,
    prefix: randomUUID(),
    handlers: nodeHandlers({ remote, nodes }, { environment: sshd.runnerEnvironment }),
  }).start();
  const roles = new Map([giver, taker].map((one) => [one.name, one]));
  const bundle = {
    applications: {
      giver: { role: 'giver', options: Object.fromEntries(names.map((name, index) => [name, VALUES[index]])) },
      taker: { role: 'taker', options: { to: sshd.dir } },
    },
    relations: [['taker:from', 'giver:to']],
  };
  const loaded = loadBundle([{ name: 'bundle.yaml', text: JSON.stringify(bundle) }], roles);
  expect(loaded.diagnostics).toEqual([]);
  const node = { nodeId: 'n', address: '127.0.0.1' };
  const known = { nodes: { 'giver-0': node, 'taker-0': node }, published: {} };
  const { plan } = compileBundle({ bundle: loaded.bundle!, roles, known });
  const subject = { kind: 'deployment' as const, id: randomUUID() };
  const run = await engine.runs.submit(null, { subject, action: 'test', title: 'a test', actor: 'tester', plan });
  const view = await engine.runs.untilOver(run.id, AbortSignal.timeout(50_000));
  await engine.stop();
  await remote.close();

  expect(view.steps.map(({ status, reason }) => ({ status, reason }))).toEqual([
    { status: 'succeeded', reason: null },
    { status: 'succeeded', reason: null },
  ]);
  const input = JSON.parse(readFileSync(join(sshd.dir, 'input.json'), 'utf8')) as {
    relations: { from: { units: { values: Record<string, string> }[] } };
  };
  for (const [index, name] of names.entries()) {
    expect(readFileSync(join(sshd.dir, name))).toEqual(Buffer.from(VALUES[index]!));
    expect(input.relations.from.units[0]?.values[name]).toBe(VALUES[index]);
    expect(input.relations.from.units[0]?.values[`secret_${name}`]).toBe(VALUES[index]);
  }
  expect(existsSync('/tmp/muster-owned')).toBe(false);
});
