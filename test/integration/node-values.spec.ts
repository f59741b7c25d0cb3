import 'reflect-metadata';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileBundle, loadBundle, parseRole, type RoleDefinition } from '../../src/bundles/index.js';
import { NodeSteps } from '../support/node-steps.js';

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

let node: NodeSteps;
beforeAll(async () => {
  node = await NodeSteps.start();
  node.begin();
});
afterAll(async () => {
  await node.end();
  await node.stop();
});

it('a value goes through options, outputs and relations into the next script byte by byte, whatever it is', async () => {
  const roles = new Map([giver, taker].map((one) => [one.name, one]));
  const bundle = {
    applications: {
      giver: { role: 'giver', options: Object.fromEntries(names.map((name, index) => [name, VALUES[index]])) },
      taker: { role: 'taker', options: { to: node.sshd.dir } },
    },
    relations: [['taker:from', 'giver:to']],
  };
  const loaded = loadBundle([{ name: 'bundle.yaml', text: JSON.stringify(bundle) }], roles);
  expect(loaded.diagnostics).toEqual([]);
  const there = { nodeId: 'n', address: '127.0.0.1' };
  const known = { nodes: { 'giver-0': there, 'taker-0': there }, published: {} };
  const { plan } = compileBundle({ bundle: loaded.bundle!, roles, known });
  const run = await node.submitPlan(plan);
  const view = await node.over(run.id);

  expect(view.steps.map(({ status, reason }) => ({ status, reason }))).toEqual([
    { status: 'succeeded', reason: null },
    { status: 'succeeded', reason: null },
  ]);
  const input = JSON.parse(readFileSync(join(node.sshd.dir, 'input.json'), 'utf8')) as {
    relations: { from: { units: { values: Record<string, string> }[] } };
  };
  for (const [index, name] of names.entries()) {
    expect(readFileSync(join(node.sshd.dir, name))).toEqual(Buffer.from(VALUES[index]!));
    expect(input.relations.from.units[0]?.values[name]).toBe(VALUES[index]);
    expect(input.relations.from.units[0]?.values[`secret_${name}`]).toBe(VALUES[index]);
  }
  expect(existsSync('/tmp/muster-owned')).toBe(false);
});
