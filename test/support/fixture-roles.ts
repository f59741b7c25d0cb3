import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { formatDiagnostics, parseRole, type RoleDefinition, type RoleLibrary } from '../../src/bundles/index.js';

/** What `test/fixtures/bundles/charms.yaml` says of one charm. */
interface Charm {
  subordinate?: boolean;
  rides?: string[];
  requires?: Record<string, string>;
  provides?: Record<string, string>;
  peers?: Record<string, string>;
  options?: Record<string, string>;
  /** Publishes only once it has what it requires. */
  stubborn?: boolean;
}

const FILES = { 'do.sh': '#!/bin/sh\ntrue\n' };

/** Roles with the endpoints of well-known charms, and scripts that do nothing. */
export function fixtureRoles(): RoleLibrary {
  const file = join(import.meta.dirname, '../fixtures/bundles/charms.yaml');
  const charms = parse(readFileSync(file, 'utf8')) as Record<string, Charm>;
  return new Map(Object.entries(charms).map(([name, charm]) => [name, roleOf(name, charm)]));
}

function roleOf(name: string, charm: Charm): RoleDefinition {
  const { stubborn = false, options = {}, requires = {}, peers = {}, ...rest } = charm;
  const endpoints = [...Object.keys(requires), ...Object.keys(peers)];
  const described = Object.entries(options).map(([option, type]) => [option, { type, description: option }] as const);
  const text = JSON.stringify({
    role: name,
    summary: name,
    bases: ['ubuntu@22.04', 'ubuntu@24.04', 'debian@12'],
    ...{ ...rest, requires, peers, options: Object.fromEntries<{ type: string; description: string }>(described) },
    steps: {
      install: { run: 'do.sh' },
      publish: { run: 'do.sh', after: ['install', ...(stubborn ? endpoints : [])], publishes: ['info'] },
      configure: { run: 'do.sh', after: ['publish', ...endpoints] },
      ...(name === 'etcd' ? { health: { run: 'do.sh', on: 'verify' } } : {}),
    },
  });
  const { role, diagnostics } = parseRole({ name: `${name}/role.yaml`, text }, FILES);
  if (role === null) throw new Error(formatDiagnostics(diagnostics));
  return role;
}
