import type { BundleFile } from '../../src/bundles/index.js';

/** A number generator of 32 bits (mulberry32): the same numbers for the same seed, everywhere. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const SOUND = `name: sound
default-base: debian@12
variables: &v {port: 2379}
machines: {"0": {constraints: cores=2 mem=4G}, "1": {}}
applications:
  easyrsa: {charm: easyrsa, num_units: 1, to: [lxd:0]}
  etcd: {charm: "ch:etcd", num_units: 2, to: ["0", "1"], options: {channel: stable}, expose: true}
  containerd: {charm: containerd}
  worker: {charm: kubernetes-worker, num_units: 3, to: [etcd], constraints: tags=a,^b}
relations:
  - [etcd:certificates, easyrsa:client]
  - [containerd, worker]
muster: {bases: [debian@12], outputs: {info: etcd.info}, verify: [health]}
`;

const NASTY_NAMES = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'valueOf',
    '<<',
    '',
    ' ',
    'null',
    '~',
    '0',
  ],
  ...['etcd/0', 'lxd:0', '../x', '%2e%2e', '$(id)', '`id`', '"', "'", '\\', '\\u0000', 'a'.repeat(300), 'é', 'e\u0301'],
  ...['\u202eabc', '\ufeff', '\u200b', '\ud83d\ude00', '\ud800', '\u0000', '\u0007', '\u001b[2J', '\u0085', '\u2028'],
];
const NASTY_VALUES = [
  ...[
    '~',
    '[]',
    '{}',
    '[[[]]]',
    '!!binary AAAA',
    '!!js/function "x"',
    '!<tag:x> y',
    '!include /etc/passwd',
    '*nowhere',
  ],
  ...['&a *a', '0x7fffffffffffffff', '1e999', '-0', '.nan', '.inf', '99999999999999999999', '1:2:3', '2001-01-01'],
  ...[
    'include-file://../../etc/passwd',
    'include-base64:///dev/zero',
    'include-file://' + 'a/'.repeat(200),
    'yes',
    '|',
    '>-',
  ],
  ...[
    'cores=' + '9'.repeat(50),
    'tags=^',
    'a='.repeat(100),
    '\\ \\ \\ ',
    'facts.x<<',
    'facts.__proto__=1',
    'mem=1e9',
    '=',
    '"\\',
  ],
  ...[
    'ubuntu@24.04/stable',
    '@',
    'a'.repeat(1000) + '@1',
    'lxd:lxd:0',
    'kvm:new',
    'new/0',
    '999999999',
    'etcd/999999999',
  ],
];

type Random = () => number;
const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random() * items.length)] ?? items[0]!;
const upTo = (random: Random, most: number) => Math.floor(random() * most);
const quoted = (text: string) => JSON.stringify(text);

/** Each makes one bundle that nobody means well with. `big`: it may be as large as is read at all. */
const KINDS: Record<string, (random: Random, big: boolean) => string> = {
  depth: (random, big) => {
    const levels = big ? 400_000 : upTo(random, 300);
    const [open, close] = pick(random, [
      ...[
        ['[', ']'],
        ['{a: ', '}'],
        ['- ', ''],
        ['? ', ''],
        ['"k": [', ']'],
        ['[{a: [', ']}]'],
        ['- - {x: ', '}'],
      ],
    ]) as [string, string];
    const closed = random() < 0.5 ? close.repeat(levels) : '';
    return `${pick(random, ['', 'variables: ', 'applications: ', 'relations:\n'])}${open.repeat(levels)}x${closed}\n`;
  },
  stairs: (random, big) =>
    Array.from({ length: big ? 1200 : upTo(random, 150) }, (_, depth) => `${' '.repeat(depth)}k${depth}:`).join('\n'),
  aliases: (random, big) => {
    const wide = 2 + upTo(random, 9);
    const levels = big ? 60 : 2 + upTo(random, 12);
    const lines = ['variables:', `  a0: &a0 [${'x, '.repeat(wide)}x]`];
    for (let level = 1; level < levels; level++) {
      const of = `*a${random() < 0.95 ? level - 1 : level}`;
      const shape = pick(random, ['list', 'map', 'merge']);
      if (shape === 'list') lines.push(`  a${level}: &a${level} [${Array(wide).fill(of).join(', ')}]`);
      else if (shape === 'map') lines.push(`  a${level}: &a${level} {l: ${of}, r: ${of}}`);
      else lines.push(`  a${level}: &a${level} {<<: [${of}, ${of}], k: ${of}}`);
    }
    return `${lines.join('\n')}\napplications: *a${levels - 1}\n`;
  },
  scalars: (random, big) => {
    const text = pick(random, ['a', 'é', '😀', '\\', "'", ' ', '^', '=', '-0', 'a\n\n  ']).repeat(
      big ? 260_000 : upTo(random, 2000),
    );
    const value = pick(random, [text, quoted(text), `'${text}'`, `|\n  ${text}`, `>\n  ${text}`, `# ${text}`]);
    const key = pick(random, ['name', 'default-base', 'series', 'description', 'tags', 'type', '? ']);
    return random() < 0.5
      ? `${key}: ${value}\n${SOUND}`
      : `applications:\n  etcd:\n    ${pick(random, ['role', 'to', 'constraints', 'num_units', 'options', 'base'])}: ${value}\n`;
  },
  keys: (random, big) => {
    const many = big ? 20_000 : upTo(random, 60);
    const same = random() < 0.4;
    const keys = Array.from(
      { length: many },
      (_, n) => `  ${same ? 'etcd' : `k${n}`}: {role: ${pick(random, ['etcd', 'etdc', '7'])}}`,
    );
    return `${pick(random, ['applications', 'machines', 'saas', 'variables', 'muster'])}:\n${keys.join('\n')}\n`;
  },
  names: (random) => {
    const name = () => quoted(pick(random, NASTY_NAMES));
    const entry = () =>
      `  ${name()}: ${pick(random, ['{}', '', `{${name()}: ${name()}}`, `{role: ${name()}, to: [${name()}]}`])}`;
    const entries = Array.from({ length: 1 + upTo(random, 8) }, entry).join('\n');
    return `${pick(random, ['applications', 'machines', 'saas', 'muster', name()])}:\n${entries}\n${name()}: ${name()}\n`;
  },
  values: (random) =>
    SOUND.replace(
      pick(random, [
        'easyrsa, num',
        '"ch:etcd"',
        '2, to',
        'stable',
        'cores=2 mem=4G',
        'debian@12',
        '[etcd]',
        'etcd.info',
        '{}',
      ]),
      () => pick(random, NASTY_VALUES),
    ),
  placements: (random, big) => {
    const many = big ? 8_000 : 2 + upTo(random, 50);
    const to = (n: number) =>
      pick(random, [
        `a${(n + 1) % many}`,
        `lxd:a${(n + 1) % many}`,
        `a${upTo(random, many)}/0`,
        `"${n}"`,
        `new, a${n}`,
      ]);
    const chained = random() < 0.5;
    const lines = Array.from(
      { length: many },
      (_, n) => `  a${n}: {role: etcd, to: [${chained ? `a${n + 1}` : to(n)}]}`,
    );
    return `applications:\n${lines.join('\n')}\n${chained ? `  a${many}: {role: etcd}\n` : ''}`;
  },
  numbers: (random, big) => {
    const units = pick(random, big ? [10_000, 9_999, 5_000] : [0, 1, 12, -1, 10_001, 1e308]);
    const to = Array(big ? 9_000 : upTo(random, 50))
      .fill(pick(random, ['b', 'lxd:b', 'new']))
      .join(', ');
    return `applications:\n  b: {role: etcd, num_units: ${units}}\n  c: {role: easyrsa, num_units: ${units}, to: [${to}]}\nrelations: [[b, c]]\n`;
  },
  relations: (random, big) => {
    const many = big ? 12_000 : upTo(random, 30);
    const end = () =>
      pick(random, [
        'etcd',
        'easyrsa:client',
        'etcd:certificates',
        `x${upTo(random, many)}`,
        quoted(pick(random, NASTY_NAMES)),
      ]);
    const pairs = Array.from({ length: many }, () => `- [${end()}, ${end()}]`);
    const wide = Array(upTo(random, 40)).fill('etcd:db').join(', ');
    return `${SOUND.replace(/muster:.*\n/, '')}${pairs.join('\n').replace(/^/gm, '  ')}\n  - [[${wide}], [${wide}]]\n`;
  },
  mutations: (random) => {
    let text = SOUND;
    for (let change = 0; change <= upTo(random, 8); change++) {
      const at = upTo(random, text.length);
      const piece = pick(random, [
        ...[
          ':',
          '-',
          '[',
          ']',
          '{',
          '}',
          '"',
          "'",
          '&',
          '*',
          '!',
          '|',
          '>',
          '%',
          '\t',
          '\n',
          '\r',
          '#',
          '---\n',
          '...\n',
        ],
        ...NASTY_NAMES,
        ...NASTY_VALUES,
      ]);
      text = text.slice(0, at) + piece + text.slice(at + upTo(random, 6));
    }
    return text;
  },
  noise: (random, big) =>
    Array.from({ length: big ? 60_000 : upTo(random, 300) }, () =>
      String.fromCodePoint(upTo(random, random() < 0.8 ? 128 : 0xffff)),
    ).join(''),
  documents: (random, big) =>
    Array.from({ length: big ? 5_000 : upTo(random, 10) }, () =>
      pick(random, ['a: 1', SOUND, '[]', 'applications: {etcd: }', '%YAML 1.1']),
    )
      .join('\n---\n')
      .slice(0, 1_000_000),
};

/** The n-th hostile bundle of a seed, with files that go along. One in `bigEvery` is large. */
export function hostileBundle(seed: number, n: number, bigEvery: number): { kind: string; files: BundleFile[] } {
  const random = seeded(seed + n * 7919);
  const kinds = Object.keys(KINDS);
  const kind = kinds[n % kinds.length] ?? 'noise';
  const text = (KINDS[kind] ?? (() => ''))(random, Math.floor(n / kinds.length) % bigEvery === bigEvery - 1);
  const files: BundleFile[] = [{ name: 'bundle.yaml', text }];
  if (random() < 0.1)
    files.push({ name: 'overlay.yaml', text: (KINDS[pick(random, kinds)] ?? (() => ''))(random, false) });
  if (random() < 0.1) {
    const name = `roles/${pick(random, ['etcd', ...NASTY_NAMES])}/role.yaml`;
    files.push({ name, attached: true, text: (KINDS[pick(random, kinds)] ?? (() => ''))(random, false) });
  }
  return { kind, files };
}
