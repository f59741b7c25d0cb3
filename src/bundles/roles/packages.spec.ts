import { describe, expect, it } from 'vitest';
import { shippedRoles } from '../../../test/support/shipped-bundles.js';
import { formatDiagnostics } from '../diagnostics.js';
import { packagesOf } from './packages.js';
import { parseRole } from './role.js';

describe('packages of a role', () => {
  const role = (packages: string) =>
    parseRole(
      {
        name: 'role.yaml',
        text: `role: r\nsummary: s\nbases: [debian@12]\noptions: {engine: {type: string, default: a, description: d}}\npackages: ${packages}\n`,
      },
      {},
    );

  it('count by base and by the values of options', () => {
    const read = role(
      '[bb, aa, {name: cc, bases: [debian@12]}, {name: dd, when: {engine: [x, y]}}, {name: ee, when: {engine: x}}]',
    );
    expect(read.diagnostics).toEqual([]);
    const names = (os: string, release: string, engine: string) =>
      packagesOf(read.role?.packages ?? [], { os, release }, { engine });
    expect(names('debian', '12', 'z')).toEqual(['aa', 'bb', 'cc']);
    expect(names('ubuntu', '24.04', 'x')).toEqual(['aa', 'bb', 'dd', 'ee']);
    expect(names('ubuntu', '24.04', 'y')).toEqual(['aa', 'bb', 'dd']);
  });

  it.each([
    ['[Chrony]', 'wrong name "Chrony"'],
    ['["a;b"]', 'wrong name "a;b"'],
    ['[{name: a, bases: [debain]}]', 'unknown base "debain"'],
    ['[{name: aa, when: {engin: x}}]', 'unknown option "engin"'],
    ['[{name: aa, masked: ["x y.service"]}]', 'wrong name "x y.service"'],
    ['[{name: aa, on: never}]', 'wrong value for "packages"'],
    ['{a: b}', 'a list'],
  ])('%s is refused', (packages, message) => {
    const { role: read, diagnostics } = role(packages);
    expect(read).toBeNull();
    expect(formatDiagnostics(diagnostics)).toContain(message);
  });
});

/**
 * What the scripts of a role ask apt for: the words behind `apt-get … install`, those that an array there is filled with,
 * and those that are handed to a function of the name `install_packages`.
 */
function askedOfApt(text: string): string[] {
  const lines = text.split('\n').filter((line) => !/^\s*#/.test(line));
  const wordsAfter = (pattern: RegExp) =>
    lines.flatMap((line) => [...line.matchAll(pattern)].flatMap(([, words = '']) => words.trim().split(/\s+/)));
  const asked = wordsAfter(/apt-get [^|;&]*?\binstall\b([^|;&]*)/g).filter((word) => !word.startsWith('-'));
  return asked.flatMap(resolve);

  function resolve(word: string): string[] {
    const [, array, variable] = /^"\$(?:\{(\w+)\[@\]\}|\{?(\w+)\}?)"$/.exec(word) ?? [];
    if (array !== undefined) return filled(new RegExp(`\\b${array}\\+=\\(([^)]*)\\)`, 'g'));
    if (word === '"$@"') return wordsAfter(/\binstall_packages ([^|;&]*)/g);
    if (variable !== undefined) return filled(new RegExp(`\\b${variable}=([a-z][^\\s;]*)`, 'g'));
    return [word];
  }
  function filled(pattern: RegExp): string[] {
    return wordsAfter(pattern).flatMap((word) =>
      word === '"$package"' ? wordsAfter(/^install_packages ([^|;&]*)/gm) : [word],
    );
  }
}

describe.each([...shippedRoles().values()])('the role $name', (role) => {
  const scripts = [...role.steps.values()].flatMap(({ script, check }) => [script ?? '', check ?? '']);
  const asked = askedOfApt([...new Set([...scripts, ...role.files.map(({ text }) => text)])].join('\n'));

  it('asks apt for nothing that it does not declare, and declares nothing else', () => {
    expect([...new Set(asked)].sort()).toEqual(role.packages.map(({ name }) => name).sort());
  });
});

it('what is asked of apt is found however a script puts it', () => {
  const script = `
    apt-get -q install -y --no-install-recommends a b
    missing+=(c)
    [ x ] || missing+=(d); apt-get install -y "\${missing[@]}"
    command -v snap || { apt-get -q update; apt-get -q install -y e; }
    before=f
    [ -z "$before" ] || apt-get install "$before"`;
  expect(askedOfApt(script).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
});
