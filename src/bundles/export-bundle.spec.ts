import { describe, expect, it } from 'vitest';
import { fixtureBundle, fixtureBundleNames } from '../../test/support/fixture-bundles.js';
import { fixtureRoles } from '../../test/support/fixture-roles.js';
import { shippedBundle, shippedBundleNames, shippedRoles } from '../../test/support/shipped-bundles.js';
import type { BundleFile } from './bundle-file.js';
import { compileBundle } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { exportBundle } from './export-bundle.js';
import { loadBundle } from './load-bundle.js';
import type { RoleLibrary } from './roles/role.js';
import { settingOverlay } from './setting-overlay.js';
import { exampleRoles } from './testing/example-roles.js';
import type { PlaceOptions } from './place.js';

const library = shippedRoles();
const fixtures = fixtureRoles();
const attached = (name: string, text: string): BundleFile => ({ name, text, attached: true });

/** All that comes of a bundle but the places of its diagnostics; null where it does not place. */
function made(files: readonly BundleFile[], roles: RoleLibrary, options: PlaceOptions = {}) {
  const loaded = loadBundle(files, roles);
  if (loaded.bundle === null) return null;
  const { nodes, units, plan, verify, every, outputs } = compileBundle({ ...loaded, bundle: loaded.bundle, options });
  const { name, settings } = loaded.bundle;
  const { schedules, questions } = settings;
  const said = { name, schedules: [...schedules.keys()], questions: questions.map(({ ask }) => ask) };
  return JSON.stringify({ said, nodes, units, plan, verify, every: [...every], outputs });
}

function again(files: readonly BundleFile[], roles: RoleLibrary, base?: PlaceOptions['base']): BundleFile[] {
  const exported = exportBundle(files, roles, { base, heading: ['as it stands'] });
  if (exported === null) throw new Error(formatDiagnostics(loadBundle(files, roles).diagnostics));
  const beside = exported.files.map(({ path, text, encoding }): BundleFile => ({
    ...attached(path, text),
    ...(encoding === undefined ? {} : { encoding }),
  }));
  return [{ name: 'exported.yaml', text: exported.text }, ...beside];
}

const placing = fixtureBundleNames().filter((name) => made(fixtureBundle(name), fixtures) !== null);

describe('an exported bundle gives the same plan', () => {
  it.each(shippedBundleNames())('%s', (name) => {
    const files = [shippedBundle(name)];
    expect(made(again(files, library), library)).toBe(made(files, library));
  });

  it.each(placing)('of the shape of %s', (name) => {
    const files = fixtureBundle(name);
    expect(made(again(files, fixtures), fixtures)).toBe(made(files, fixtures));
  });

  it('of all fixtures that place', () => {
    expect(placing.length).toBeGreaterThan(8);
    expect(placing).toEqual(expect.arrayContaining(['own-role', 'openstack-base', 'placements', 'documents']));
  });

  it('with settings and a base over it, which it says itself', () => {
    const settings = [
      { application: 'kubernetes-worker', option: 'num_units', value: '3' },
      { application: 'etcd', option: 'port', value: '2381' },
    ];
    const to = new Map([['kubernetes-worker', ['1', 'new', 'lxd:0']]]);
    const files = [shippedBundle('kubernetes-core'), settingOverlay(settings, '(settings)', to)];
    const base = { os: 'debian', release: '12' };
    const [exported] = again(files, library, base);
    expect(made([exported!], library)).toBe(made(files, library, { base }));
    expect(exported!.text).toMatch(/^# as it stands\n/);
    expect(exported!.text).toContain('num_units: 3');
  });

  it.each([
    ...['1.30', '1.3', 'true', 'null', '~', '0x10', '1e3', '', ' ', ' two ', 'two\nlines', 'two\nlines\n\n', '\n'],
    ...['a\r\nb', 'tab\there', '\u0000', '\u0085\u2028', '# no', 'a: b', '- a', '"', "'", '{x}', '$(x)', '<<', '😀'],
    ...['  indented\nless', 'x'.repeat(70_000), 'include-file://no', 'include-base64://no', '---\na\n...', '\ufeffx'],
  ])('whatever text is in it: %j', (text) => {
    const files = [
      { name: 'bundle.yaml', text: 'applications: {etcd: {role: etcd, options: {note: "include-file://n.txt"}}}' },
      attached('n.txt', text),
    ];
    const before = made(files, exampleRoles());
    expect(before).toContain(JSON.stringify(text).slice(1, -1));
    expect(made(again(files, exampleRoles()), exampleRoles())).toBe(before);
  });

  it.each(['1.30', '0x10', '1e3', '0o17', '.5', '"1.30"', 'TRUE'])('however it is written: %s', (written) => {
    const files = [{ name: 'bundle.yaml', text: `applications: {etcd: {role: etcd, options: {note: ${written}}}}` }];
    expect(made(again(files, exampleRoles()), exampleRoles())).toBe(made(files, exampleRoles()));
  });
});

describe('what cannot stand in it', () => {
  const role = `role: web
summary: A page
bases: [debian@12]
options: {password: {type: string, secret: true, description: Who may}, text: {type: string, description: What}}
steps: {install: {run: do.sh}}
`;
  const own = [attached('roles/web/role.yaml', role), attached('roles/web/do.sh', '#!/bin/sh\necho "$OPT_PASSWORD"\n')];
  const files = [
    { name: 'bundle.yaml', text: 'applications: {web: {charm: "ch:web", options: {password: sesame, text: plain}}}' },
    ...own,
  ];

  it('are secrets: they go beside it, to be kept or not', () => {
    const exported = exportBundle(files, library, { heading: [] })!;
    expect(exported.text).not.toContain('sesame');
    expect(exported.text).toContain('text: plain');
    expect(exported.files.filter(({ kind }) => kind === 'secret')).toEqual([
      { path: 'values/web.password', text: 'sesame', kind: 'secret' },
    ]);
    expect(made(again(files, library), library)).toBe(made(files, library));
  });

  it('are its own roles: they go beside it', () => {
    const exported = exportBundle(files, library, { heading: [] })!;
    expect(exported.files.filter(({ kind }) => kind === 'role').map(({ path }) => path)).toEqual([
      'roles/web/role.yaml',
      'roles/web/do.sh',
    ]);
  });

  it('is told where it cannot be kept so', () => {
    const number = attached('roles/web/role.yaml', role.replace('type: string, secret', 'type: int, secret'));
    const { diagnostics } = loadBundle([files[0]!, number, own[1]!], library);
    expect(formatDiagnostics(diagnostics)).toContain('4:41  option "password" cannot be secret');
  });

  it('are files that are no bundle', () => {
    expect(
      exportBundle([{ name: 'bundle.yaml', text: 'applications: {a: {role: no}}' }], library, { heading: [] }),
    ).toBe(null);
  });
});
