import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { exampleRoles } from './testing/example-roles.js';

const roles = exampleRoles();

function refusal(text: string): string {
  const { bundle, diagnostics } = loadBundle([{ name: 'b.yaml', text }], roles);
  expect(bundle).toBeNull();
  expect(diagnostics.length).toBeGreaterThan(0);
  return formatDiagnostics(diagnostics.slice(0, 1)).split('\n')[0] ?? '';
}

describe('hostile YAML', () => {
  it('is refused when it nests brackets without end', () => {
    expect(refusal('['.repeat(500_000))).toBe('b.yaml:1:65  nested too deeply');
    expect(refusal('{a: '.repeat(100_000))).toBe('b.yaml:1:257  nested too deeply');
    expect(refusal('[\n'.repeat(100))).toBe('b.yaml:65:1  nested too deeply');
  });

  it('is refused when it nests blocks without end', () => {
    expect(refusal('- '.repeat(400_000))).toContain('nested too deeply');
    expect(refusal('? '.repeat(400_000))).toContain('nested too deeply');
    expect(refusal('a: '.repeat(300_000))).toMatch(/nested too deeply|not YAML/);
    const stairs = Array.from({ length: 200 }, (_, depth) => `${' '.repeat(depth)}k:`).join('\n');
    expect(refusal(stairs)).toMatch(/nested too deeply/);
  });

  it('is refused at 65 levels, and read at fewer', () => {
    const nested = (depth: number) => `variables: ${'['.repeat(depth)}1${']'.repeat(depth)}\napplications: {}\n`;
    expect(loadBundle([{ name: 'b', text: nested(60) }], roles).bundle).not.toBeNull();
    expect(refusal(nested(64))).toContain('nested too deeply');
  });

  it('is refused when aliases grow it beyond measure', () => {
    const level = (name: string, of: string) => `  ${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`;
    const bomb = [
      'variables:',
      '  a: &a [x, x, x, x, x, x, x, x, x]',
      level('b', 'a'),
      level('c', 'b'),
      level('d', 'c'),
    ];
    for (const [name, of] of ['ed', 'fe', 'gf', 'hg', 'ih', 'ji', 'kj'].map((pair) => pair.split('')))
      bomb.push(level(name ?? '', of ?? ''));
    expect(refusal(bomb.join('\n'))).toContain('too many values');
    expect(refusal(`a: &a 1\nb: [${Array(101).fill('*a').join(', ')}]\n`)).toContain('too many aliases');
  });

  it('is refused when an alias holds itself, or stands for nothing', () => {
    expect(refusal('variables: &a [*a]\n')).toContain('an alias inside its own anchor');
    expect(refusal('variables: *nothing\n')).toMatch(/alias of an unknown anchor|not YAML: Unresolved alias/);
  });

  it('is refused when a key stands twice', () => {
    expect(refusal('name: a\nname: b\n')).toBe('b.yaml:2:1  duplicate key "name"');
  });

  it('is refused when it brings tags or directives of its own', () => {
    expect(refusal('name: !!js/function "x"\n')).toBe('b.yaml:1:7  custom tag "!!js/function"');
    expect(refusal('name: !secret x\n')).toBe('b.yaml:1:7  custom tag "!secret"');
    expect(refusal('name: !<tag:evil,2000:x> y\n')).toContain('custom tag');
    expect(refusal('%TAG !! tag:evil,2000:\n---\nname: x\n')).toContain('YAML directive');
  });

  it('is refused beyond a mebibyte, or beyond 50,000 values', () => {
    expect(refusal(`# ${'x'.repeat(1024 * 1024)}`)).toBe('b.yaml:1:1  the file is 1048578 bytes long');
    expect(refusal(`variables: [${'a,'.repeat(60_000)}]`)).toContain('too many values');
  });

  it('cannot reach a prototype', () => {
    const text = 'variables: {__proto__: {polluted: true}, constructor: 1}\napplications: {}\n';
    expect(loadBundle([{ name: 'b', text }], roles).bundle).not.toBeNull();
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(refusal('applications: {__proto__: {role: etcd}}\n')).toContain('wrong application name "__proto__"');
    expect(refusal('applications: {a: {role: __proto__}}\n')).toContain('unknown role "__proto__"');
  });

  it('is refused when it is not YAML, with the place', () => {
    expect(refusal('applications: [1\n')).toMatch(/^b\.yaml:2:1 {2}not YAML: /);
    expect(refusal('')).toBe('b.yaml:1:1  the bundle is empty');
    expect(refusal('just text')).toBe('b.yaml:1:1  this is not a map');
  });

  it('never throws, whatever it is', { timeout: 60_000 }, () => {
    const piece = fc.constantFrom(
      'applications:',
      ' etcd:',
      ' {',
      '}',
      '[',
      ']',
      '- ',
      '? ',
      ': ',
      '\n',
      '\n  ',
      '&a ',
      '*a',
      '<<: ',
      '!!map ',
      'role: etcd',
      'to: ',
      '"',
      "'",
      '|',
      '>',
      '---\n',
      '#',
      '\t',
      '\u0000',
      '\ufeff',
      'relations:',
      'muster:',
      '0',
      ',',
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const { bundle, diagnostics } = loadBundle([{ name: 'b.yaml', text: written }], roles);
        formatDiagnostics(diagnostics);
        return bundle !== null || diagnostics.some(({ severity }) => severity === 'error');
      }),
      { numRuns: 2_000 },
    );
  });
});

it('takes merge keys and anchors from variables', () => {
  const text = `variables:
  common: &common {role: etcd, options: {port: 1}}
applications:
  a: *common
  b: {<<: *common, num_units: 2}
`;
  const { bundle, diagnostics } = loadBundle([{ name: 'b.yaml', text }], roles);
  expect(diagnostics).toEqual([]);
  expect(bundle?.applications.get('b')).toMatchObject({ units: 2, role: { value: 'etcd' } });
});
