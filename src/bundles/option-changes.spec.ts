import { expect, it } from 'vitest';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { optionChanges } from './option-changes.js';

const role = (secret: string) => `role: x
summary: Has a password
bases: [debian@12]
options: {password: {type: string, ${secret}description: What opens it}}
steps: {install: {run: install.sh}}
`;

function side(secret: string, options: string) {
  const text = `applications:\n  x: {role: x, options: {${options}}}\n`;
  const files = [
    { name: 'bundle.yaml', text },
    { name: 'roles/x/role.yaml', text: role(secret), attached: true as const },
    { name: 'roles/x/install.sh', text: '#!/bin/sh\n', attached: true as const },
  ];
  const { bundle, roles, diagnostics } = loadBundle(files, new Map());
  if (bundle === null) throw new Error(formatDiagnostics(diagnostics));
  return { bundle, roles };
}
const changed = (before: ReturnType<typeof side>, after: ReturnType<typeof side>) =>
  optionChanges(before, after).map((change) => [change.before, change.after]);

it('shows a value that no role calls a secret', () => {
  expect(changed(side('', 'password: open'), side('', ''))).toEqual([['open', null]]);
});

it('shows no value that one of the two roles calls a secret', () => {
  const hidden = [['(secret)', null]];
  expect(changed(side('secret: true, ', 'password: sesame'), side('', ''))).toEqual(hidden);
  expect(changed(side('', 'password: sesame'), side('secret: true, ', ''))).toEqual(hidden);
  expect(changed({ ...side('', 'password: sesame'), roles: new Map() }, side('', ''))).toEqual(hidden);
});
