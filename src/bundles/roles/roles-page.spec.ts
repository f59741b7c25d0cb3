import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { shippedRoles } from '../../../test/support/shipped-bundles.js';
import type { RoleDefinition } from './role.js';

const PAGE = join(import.meta.dirname, '../../../docs/roles.md');
const BEGIN = '<!-- roles -->';
const END = '<!-- /roles -->';

/** `UPDATE_ROLES=1 npm run unit` writes the table anew. */
it('docs/roles.md names the roles that there are', () => {
  const page = readFileSync(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const [table = '', after = ''] = rest.split(END);
  const roles = shippedRoles();
  if (process.env.UPDATE_ROLES === '1')
    writeFileSync(PAGE, `${before}${BEGIN}\n\n${tableOf([...roles.values()])}\n\n${END}${after}`);
  const named = Array.from(table.matchAll(/^\| `([^`]+)`/gm), (match) => match[1] ?? '');
  expect(named).toEqual([...roles.keys()].sort());
});

function tableOf(roles: readonly RoleDefinition[]): string {
  const rows = [...roles]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, summary, subordinate, options }) => {
      const names = [...options.keys()].map((option) => `\`${option}\``).join(' ');
      return `| \`${name}\` | ${summary}${subordinate ? ' (rides on others)' : ''} | ${names} |`;
    });
  return ['| role | what it is | options |', '| --- | --- | --- |', ...rows].join('\n');
}
