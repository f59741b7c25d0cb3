import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FIXTURE_BUNDLES, fixtureBundle, fixtureBundleNames } from '../../test/support/fixture-bundles.js';
import { fixtureRoles } from '../../test/support/fixture-roles.js';
import { compileBundle } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';

const roles = fixtureRoles();
const names = fixtureBundleNames();

function made(name: string): string {
  const loaded = loadBundle(fixtureBundle(name), roles);
  const { bundle, diagnostics } = loaded;
  if (bundle === null) return `${formatDiagnostics(diagnostics)}\n`;
  const { nodes, units, plan, outputs, ...compiled } = compileBundle({ bundle, roles: loaded.roles });
  const environment = plan.steps.flatMap(({ key, input }) => {
    const options = Object.entries(input.environment ?? {}).filter(([variable]) => variable.startsWith('OPT_'));
    return key.endsWith(':install') && options.length > 0
      ? [`${key} ${JSON.stringify(Object.fromEntries(options))}`]
      : [];
  });
  return [
    formatDiagnostics([...diagnostics, ...compiled.diagnostics]),
    '\n# nodes',
    ...nodes.map(({ key, base, constraints, placement }) => {
      const where = placement.kind === 'container' ? ` in ${placement.on}` : '';
      return `${key}${where}: ${base.os}@${base.release} ${JSON.stringify(constraints)}`;
    }),
    '\n# units',
    ...units.map(({ name: unit, node, principal }) => `${unit} on ${node}${principal ? ` with ${principal}` : ''}`),
    '\n# options',
    ...environment,
    '\n# outputs',
    JSON.stringify(outputs),
    '\n# steps',
    ...plan.steps.map((step) => `${step.key} <- ${step.after.join(' ')}`.trim()),
    '',
  ].join('\n');
}

describe('a bundle of the shape of', () => {
  it.each(names)('%s makes what is expected', async (name) => {
    await expect(made(name)).toMatchFileSnapshot(join(FIXTURE_BUNDLES, name, 'expected.txt'));
  });

  it.each(['kubernetes-core', 'canonical-kubernetes', 'canonical-kubernetes-smaller', 'openstack-base'])(
    '%s, as it is published, is compiled without an error, and twice the same to the byte',
    (name) => {
      const compile = () => {
        const { bundle, ...loaded } = loadBundle(fixtureBundle(name), fixtureRoles());
        expect(loaded.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
        return compileBundle({ bundle: bundle!, roles: loaded.roles });
      };
      const first = compile();
      expect(first.diagnostics).toEqual([]);
      expect(first.plan.steps.length).toBeGreaterThan(10);
      expect(JSON.stringify(compile())).toBe(JSON.stringify(first));
    },
  );

  it('openstack-base has its 59 relations', () => {
    const { bundle } = loadBundle(fixtureBundle('openstack-base'), roles);
    expect(bundle?.relations.length).toBe(59);
    expect(bundle?.applications.size).toBe(27);
  });
});
