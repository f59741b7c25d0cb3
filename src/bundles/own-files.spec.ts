import { describe, expect, it } from 'vitest';
import type { BundleFile } from './bundle-file.js';
import { compileBundle } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { exampleRoles } from './testing/example-roles.js';

const attached = (name: string, text: string, encoding?: 'base64'): BundleFile => ({
  name,
  text,
  attached: true,
  ...(encoding ? { encoding } : {}),
});

function load(text: string, more: BundleFile[], name = 'bundle.yaml') {
  return loadBundle([{ name, text }, ...more], exampleRoles());
}

describe('includes', () => {
  const bundle = (note: string) => `applications:\n  etcd: {role: etcd, options: {note: "${note}"}}\n`;
  const noteOf = (text: string, more: BundleFile[], name?: string) => {
    const { bundle: loaded, roles, diagnostics } = load(text, more, name);
    if (!loaded) return formatDiagnostics(diagnostics).split('\n')[0];
    const environment = compileBundle({ bundle: loaded, roles }).plan.steps[0]?.input.environment;
    return (environment as Record<string, unknown>).OPT_NOTE;
  };

  it('put a file in the place of an option', () => {
    expect(noteOf(bundle('include-file://a/n.txt'), [attached('a/n.txt', 'two\nlines "$(x)"\n')])).toBe(
      'two\nlines "$(x)"\n',
    );
    expect(noteOf(bundle('include-base64://n.txt'), [attached('n.txt', 'hé')])).toBe('aMOp');
    expect(noteOf(bundle('include-base64://n.bin'), [attached('n.bin', 'AP8=', 'base64')])).toBe('AP8=');
  });

  it('are relative to the file that says them', () => {
    const files: BundleFile[] = [
      { name: 'more/sizes.yaml', text: bundle('include-file://n.txt') },
      attached('n.txt', 'outer'),
      attached('more/n.txt', 'inner'),
    ];
    expect(noteOf(bundle('include-file://n.txt'), files)).toBe('inner');
    expect(noteOf(bundle('include-file://n.txt'), files.slice(1))).toBe('outer');
  });

  it.each([
    ['include-file://../n.txt', 'bundle.yaml:2:38  cannot include "../n.txt": it is outside the folder of bundle.yaml'],
    ['include-file:///etc/passwd', /outside the folder/],
    ['include-file://a/../../n.txt', /outside the folder/],
    ['include-file://n.tx', 'bundle.yaml:2:38  there is no file "n.tx" to include'],
    ['include-file://n.bin', /it is not text/],
    ['include-file://', /outside the folder/],
  ])('%s is told with its place', (value, expected) => {
    const told = noteOf(bundle(value), [attached('n.txt', 'x'), attached('n.bin', 'AP8=', 'base64')]);
    expect(told).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected));
  });

  it('must be there in annotations, too', () => {
    const text = 'applications:\n  etcd: {role: etcd, annotations: {gui: include-file://no.txt}}\n';
    expect(formatDiagnostics(load(text, []).diagnostics)).toContain('2:41  there is no file "no.txt" to include');
  });
});

describe("a bundle's own roles", () => {
  const web = `role: web
summary: A page
bases: [debian@12]
options: {title: {type: string, default: hello, description: What it says}}
steps: {install: {run: scripts/do.sh}}
`;
  const bundle = 'applications:\n  web: {role: web}\n  etcd: {role: etcd}\n';
  const files = [attached('roles/web/role.yaml', web), attached('roles/web/scripts/do.sh', '#!/bin/sh\necho own\n')];

  it('are used, and go before those of the library', () => {
    const { bundle: loaded, roles } = load(bundle, files);
    expect(roles.get('web')?.steps.get('install')?.script).toContain('echo own');
    const { plan } = compileBundle({ bundle: loaded!, roles });
    expect(plan.steps.map((step) => step.key)).toContain('web/0:install');
    const etcd = attached('roles/etcd/role.yaml', 'role: etcd\nsummary: Mine\nbases: [debian@12]\n');
    expect(load(bundle, [...files, etcd]).roles.get('etcd')?.summary).toBe('Mine');
    expect(exampleRoles().get('etcd')?.summary).not.toBe('Mine');
  });

  describe('with files that they share', () => {
    const shared = (more: string, file = 'lib.sh') => [
      attached('roles/web/role.yaml', `${web.replace('scripts/do.sh', 'shared/do.sh')}files: ${more}\n`),
      attached(`roles/shared/${file}`, '#!/bin/sh\necho shared\n'),
      attached('roles/shared/do.sh', 'echo do\n'),
      attached('roles/web/lib.sh', 'echo own\n'),
    ];
    const told = (sent: BundleFile[]) => formatDiagnostics(load(bundle, sent).diagnostics);

    it('have them beside their own, by their own names', () => {
      const role = load(bundle, shared('[shared/lib.sh]')).roles.get('web');
      expect(role?.files).toEqual([{ name: 'lib.sh', text: '#!/bin/sh\necho shared\n' }]);
      expect(role?.steps.get('install')?.script).toBe('echo do\n');
    });

    it('are told of one that is not there, and of two that were one', () => {
      expect(told(shared('[shared/lib.sh]', 'lob.sh'))).toContain('no file "shared/lib.sh"\n');
      expect(told(shared('[shared/lib.sh]', 'lob.sh'))).toContain('did you mean "shared/lob.sh"?');
      expect(told(shared('[lib.sh, shared/lib.sh]'))).toContain(
        '"shared/lib.sh" and "lib.sh" are one file on the node',
      );
    });

    it('are told that the folder is no role', () => {
      const named = attached('roles/shared/role.yaml', web);
      expect(load(bundle, [...files, named]).roles.has('shared')).toBe(false);
      const other = attached('roles/web/role.yaml', web.replace('role: web', 'role: shared'));
      expect(told([other, ...files.slice(1)])).toContain('"shared" is no name for a role');
      expect(told([...shared('[]'), attached('roles/shared/x', 'AP8=', 'base64')])).toContain('x is not text');
    });
  });

  it('say how often a step is due, where it can run again', () => {
    const read = (step: string) =>
      load(bundle, [attached('roles/web/role.yaml', web.replace('{run: scripts/do.sh}', step)), ...files.slice(1)]);
    const due = read('{run: scripts/do.sh, repeatable: true, every: 30d}');
    expect(compileBundle({ bundle: due.bundle!, roles: due.roles }).every).toEqual(
      new Map([['web/0:install', 30 * 86_400]]),
    );
    for (const step of [
      '{run: scripts/do.sh, every: 30d}',
      '{run: scripts/do.sh, on: verify, repeatable: true, every: 1h}',
    ])
      expect(formatDiagnostics(read(step).diagnostics)).toContain('step "install" cannot run again');
    expect(formatDiagnostics(read('{run: scripts/do.sh, every: soon}').diagnostics)).toContain('12h or 30d');
  });

  it('are told of steps that wait for one another', () => {
    const steps = '{one: {run: scripts/do.sh, after: [two]}, two: {run: scripts/do.sh, after: [one]}}';
    const circle = attached('roles/web/role.yaml', web.replace(/steps: .*/, `steps: ${steps}`));
    const told = formatDiagnostics(load(bundle, [circle, files[1]!]).diagnostics);
    expect(told).toContain('roles/web/role.yaml:5:9  step "one" comes after itself');
    expect(told).toContain('step "two" comes after itself');
  });

  it('are told what is wrong with them, once, at its place', () => {
    const wrong = attached('roles/web/role.yaml', web.replace('do.sh', 'du.sh'));
    const told = formatDiagnostics(load(bundle, [wrong, files[1]!]).diagnostics);
    expect(told).toBe(`roles/web/role.yaml:5:24  the role has no file "scripts/du.sh"
  5 | steps: {install: {run: scripts/du.sh}}
    |                        ^^^^^^^^^^^^^ did you mean "scripts/do.sh"?`);
  });

  it.each([
    [[attached('roles/web/do.sh', '')], 'roles/web/role.yaml:1:1  this file is missing'],
    [[files[0]!, attached('roles/web/a.out', 'AP8=', 'base64')], 'roles/web/a.out:1:1  roles/web/a.out is not text'],
    [
      [attached('roles/page/role.yaml', web), attached('roles/page/scripts/do.sh', '')],
      'roles/page/role.yaml:1:1  role "web" stands in the folder "page"',
    ],
  ])('case %#', (more, expected) => {
    expect(formatDiagnostics(load(bundle, more).diagnostics)).toContain(expected);
  });
});

describe('what others publish', () => {
  const told = (text: string) => formatDiagnostics(load(text, []).diagnostics);
  const etcd = 'applications:\n  etcd: {charm: etcd}\n';

  it('is kept with a notice where muster does not act on it', () => {
    const text = `saas: {mysql: {url: "x:admin/y.mysql"}}
applications:
  etcd: {charm: etcd, channel: stable, revision: 7, trust: true, resources: {a: 1}, annotations: {gui-x: "1"}}
relations:
  - [etcd:db, mysql:db]
`;
    const { bundle, diagnostics } = load(text, []);
    expect(bundle?.applications.size).toBe(1);
    expect(diagnostics.every(({ severity }) => severity === 'notice')).toBe(true);
    expect(diagnostics.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '1 "saas" is kept but not acted on',
      ...['channel', 'revision', 'trust', 'resources', 'annotations'].map(
        (key) => `3 "${key}" is kept but not acted on`,
      ),
      '5 nothing is related to "mysql", which others offer',
    ]);
    expect(compileBundle({ bundle: bundle!, roles: exampleRoles() }).diagnostics).toEqual([]);
  });

  it('is told what of it counts in a container', () => {
    const placed = (to: string) =>
      told(
        `machines: {"0": {}}\napplications:\n  etcd: {charm: etcd, to: ["${to}"], constraints: mem=1G spaces=dmz}\n  more: {charm: etcd, to: ["0"]}\n`,
      );
    expect(placed('lxd:0')).toContain(
      'bundle.yaml:3:51  notice: in a container only arch, cores, mem and root-disk count',
    );
    expect(placed('lxd:new')).not.toContain('in a container');
  });

  it('is refused where it is for pods', () => {
    expect(told(`type: kubernetes\n${etcd}`)).toContain(
      'bundle.yaml:1:7  this bundle is for a Kubernetes cluster: its applications would be pods',
    );
  });
});

describe('bases', () => {
  const baseOf = (text: string, options = {}) => {
    const { bundle, roles, diagnostics } = load(text, []);
    if (!bundle) throw new Error(formatDiagnostics(diagnostics));
    const { nodes, diagnostics: told } = compileBundle({ bundle, roles, options });
    return told.length > 0
      ? formatDiagnostics(told).split('\n')[0]
      : nodes.map(({ base }) => `${base.os}@${base.release}`);
  };
  const logged = (more: string, logger = '') =>
    `${more}applications:\n  etcd: {role: etcd, num_units: 1, to: ["0"]${logger}}\n`;

  it.each([
    [logged('machines: {"0": {series: noble}}\nseries: bookworm\n'), ['ubuntu@24.04']],
    [logged('machines: {"0": {}}\ndefault-base: ubuntu@24.04/stable\n'), ['ubuntu@24.04']],
    [logged('machines: {"0": {}}\nseries: noble\n', ', base: debian@12'), ['debian@12']],
    [logged('machines: {"0": {base: debian@12}}\n', ', series: noble'), ['debian@12']],
    [logged('machines: {"0": {base: debian@12}}\nmuster: {bases: [fedora@40, ubuntu@24.04]}\n'), ['ubuntu@24.04']],
    [logged('machines: {"0": {}}\n'), ['ubuntu@24.04']],
  ])('case %#: the nearest word counts', (text, expected) => {
    expect(baseOf(text)).toEqual(expected);
  });

  it('fall back to the first that the cloud can give, and --base goes before all', () => {
    const text = logged('machines: {"0": {}}\nmuster: {bases: [ubuntu@24.04, debian@12]}\n');
    const debian = { os: 'debian', release: '12' };
    expect(baseOf(text, { availableBases: [debian] })).toEqual(['debian@12']);
    expect(baseOf(text, { base: debian })).toEqual(['debian@12']);
    expect(baseOf(text, { base: { os: 'ubuntu', release: '20.04' } })).toMatch(/does not support ubuntu@20.04/);
  });
});
