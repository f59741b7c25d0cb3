import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { exampleRoles } from './testing/example-roles.js';

function told(text: string): string {
  return formatDiagnostics(loadBundle([{ name: 'bundle.yaml', text }], exampleRoles()).diagnostics);
}

describe('diagnostics of a bundle', () => {
  it('says where, shows the line, and what was probably meant', () => {
    expect(told(`applications:\n  etcd:\n    role: etdc\n`)).toBe(
      [
        'bundle.yaml:3:11  unknown role "etdc"',
        '  3 |     role: etdc',
        '    |           ^^^^ did you mean "etcd"?',
      ].join('\n'),
    );
  });

  it('tells all problems at once, in the order of the lines', () => {
    const text = `name: wrong
machines:
  "0": {constraints: coers=2 mem=lots}
  "1": {}
applications:
  easyrsa: {role: easyrsa, to: [lxd:7]}
  etcd:
    role: etcd
    num_units: 1
    to: ["0", "0"]
    options: {prot: 2379, port: high}
  log: {role: logger}
relations:
  - [etcd:certificate, easyrsa:client]
  - [etcd:db, easyrsa]
  - [etdc, easyrsa]
`;
    expect(told(text)).toBe(`bundle.yaml:3:22  unknown constraint "coers"
  3 |   "0": {constraints: coers=2 mem=lots}
    |                      ^^^^^^^ did you mean "cores"?
bundle.yaml:3:30  wrong value for constraint "mem"
  3 |   "0": {constraints: coers=2 mem=lots}
    |                              ^^^^^^^^ expected a size such as 4G
bundle.yaml:4:3  notice: nothing is placed on machine "1": it is left out
  4 |   "1": {}
    |   ^^^
bundle.yaml:6:33  unknown machine "7"
  6 |   easyrsa: {role: easyrsa, to: [lxd:7]}
    |                                 ^^^^^ did you mean "0"?
bundle.yaml:10:15  "etcd" has more placements than units
  10 |     to: ["0", "0"]
     |               ^^^ expected at most 1
bundle.yaml:11:15  role "etcd" has no option "prot"
  11 |     options: {prot: 2379, port: high}
     |               ^^^^ did you mean "port"?
bundle.yaml:11:33  wrong value for option "port"
  11 |     options: {prot: 2379, port: high}
     |                                 ^^^^ expected a whole number
bundle.yaml:12:3  subordinate "log" rides on nothing
  12 |   log: {role: logger}
     |   ^^^ relate it to an application
bundle.yaml:14:6  role "etcd" has no endpoint "certificate"
  14 |   - [etcd:certificate, easyrsa:client]
     |      ^^^^^^^^^^^^^^^^ did you mean "certificates"?
bundle.yaml:15:15  "etcd:db" and "easyrsa" do not fit together
  15 |   - [etcd:db, easyrsa]
     |               ^^^^^^^ "etcd" provides etcd (db); "easyrsa" provides tls-certificates (client)
bundle.yaml:16:6  unknown application "etdc" in a relation
  16 |   - [etdc, easyrsa]
     |      ^^^^ did you mean "etcd"?`);
  });

  it('tells what is wrong with the shape: unknown keys, wrong types, missing keys', () => {
    const text = `aplications: {}
applications:
  etcd:
    role: etcd
    num_units: three
    optoins: {}
    expose: "yes"
relations:
  - [etcd:db]
muster:
  questions:
    - {ask: Which?}
`;
    expect(told(text)).toBe(`bundle.yaml:1:1  unknown key "aplications"
  1 | aplications: {}
    | ^^^^^^^^^^^ did you mean "applications"?
bundle.yaml:5:16  wrong value for "num_units"
  5 |     num_units: three
    |                ^^^^^ expected a whole number of 0 or more, found "three"
bundle.yaml:6:5  unknown key "optoins"
  6 |     optoins: {}
    |     ^^^^^^^ did you mean "options"?
bundle.yaml:7:13  wrong value for "expose"
  7 |     expose: "yes"
    |             ^^^^^ expected true or false, found "yes"
bundle.yaml:9:5  wrong value for "relations"
  9 |   - [etcd:db]
    |     ^^^^^^^^^ expected a pair of endpoints, found a list
bundle.yaml:12:7  "set" is missing
  12 |     - {ask: Which?}
     |       ^^^^^^^^^^^^^ expected text`);
  });

  it('finds placements that lead in a circle', () => {
    const text = `applications:
  a: {role: etcd, to: [b/0]}
  b: {role: etcd, to: ["lxd:a"]}
`;
    expect(told(text)).toContain('bundle.yaml:2:24  the placement of a/0 leads back to it');
  });

  it('names in a notice what it keeps but does not act on', () => {
    const text = `applications:\n  etcd: {charm: "ch:etcd", revision: 42}\n`;
    expect(told(text)).toContain('bundle.yaml:2:28  notice: "revision" is kept but not acted on');
    expect(loadBundle([{ name: 'b', text }], exampleRoles()).bundle).not.toBeNull();
  });

  it('never lets control characters of a bundle reach a terminal', () => {
    const shown = told('applications:\n  etcd: {role: "\u001b[31m\u202eetcd"}\n');
    // eslint-disable-next-line no-control-regex -- they are what is looked for
    expect(shown).not.toMatch(/[\u001b\u202e]/);
    expect(shown).toContain('unknown role');
  });
});

describe('overlays', () => {
  const base = `applications:
  easyrsa: {role: easyrsa}
  etcd: {role: etcd, num_units: 1, options: {port: 2379, note: base}}
relations:
  - [etcd:certificates, easyrsa:client]
`;
  const layered = (...overlays: string[]) =>
    loadBundle(
      [base, ...overlays].map((text, index) => ({ name: `${index}.yaml`, text })),
      exampleRoles(),
    );

  it('merge maps, overwrite values, and keep the place of what is wrong', () => {
    const { bundle } = layered('applications: {etcd: {num_units: 3, options: {note: overlay}}}');
    const etcd = bundle?.applications.get('etcd');
    expect(etcd?.units).toBe(3);
    expect(etcd?.options.get('port')?.value.value).toBe(2379);
    expect(etcd?.options.get('note')?.value.value).toBe('overlay');
    const { diagnostics } = layered('applications: {etcd: {options: {prot: 1}}}');
    expect(diagnostics[0]).toMatchObject({ file: '1.yaml', line: 1, column: 33 });
    expect(diagnostics[0]?.lineText).toContain('prot');
  });

  it('remove an application together with its relations', () => {
    const { bundle, diagnostics } = layered('applications: {easyrsa: }');
    expect(diagnostics).toEqual([]);
    expect([...(bundle?.applications.keys() ?? [])]).toEqual(['etcd']);
    expect(bundle?.relations).toEqual([]);
  });

  it('may be further documents of the same file', () => {
    const { bundle } = layered('applications: {etcd: {num_units: 3}}\n---\napplications: {etcd: {num_units: 5}}\n');
    expect(bundle?.applications.get('etcd')?.units).toBe(5);
  });
});
