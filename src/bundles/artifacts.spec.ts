import { describe, expect, it } from 'vitest';
import { compileBundle, compileVerify } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { parseRole, type RoleLibrary } from './roles/role.js';

const SUM = 'c'.repeat(64);

const ROLE = `role: kubelet
summary: Uses a file
bases: [debian@12]
options:
  version: {type: string, default: "1.34.0", description: Which}
  sha256: {type: string, default: "", description: Its sum}
  extra: {type: string, default: "", description: Where another file is}
artifacts:
  kubernetes:
    url: "https://dl.k8s.io/v\${version}/kubernetes-server-linux-\${arch}.tar.gz"
    sha256: "\${sha256}"
    sha256-from: "https://dl.k8s.io/v\${version}/kubernetes-server-linux-\${arch}.tar.gz.sha256"
  extra: {url: "\${extra}", sha256: "${SUM}", optional: true}
steps:
  install: {run: do.sh, artifacts: [kubernetes, extra]}
  start: {run: do.sh, after: [install]}
  health: {run: do.sh, on: verify, artifacts: [kubernetes]}
`;

function parsed(text: string) {
  return parseRole({ name: 'role.yaml', text }, { 'do.sh': 'true\n' });
}

function compiled(bundleText: string, role = ROLE) {
  const { role: definition, diagnostics: wrong } = parsed(role);
  if (definition === null) throw new Error(formatDiagnostics(wrong));
  const roles: RoleLibrary = new Map([[definition.name, definition]]);
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text: bundleText }], roles);
  if (!bundle) throw new Error(formatDiagnostics(diagnostics));
  return { bundle, roles };
}

const fetches = (plan: { steps: { kind: string; key: string; after: string[]; input: object }[] }) =>
  plan.steps.filter((step) => step.kind === 'artifact.fetch');

describe('the artifacts of a role', () => {
  it('are fetched once for all nodes of an architecture that the bundle says', () => {
    const { plan } = compileBundle(
      compiled('applications:\n  k: {role: kubelet, num_units: 3, constraints: arch=arm64}\n'),
    );
    const [fetch, ...others] = fetches(plan);
    expect(others).toEqual([]);
    expect(fetch).toMatchObject({
      key: expect.stringMatching(/^artifact\/kubernetes-[0-9a-f]{12}:fetch$/) as string,
      after: [],
      input: {
        url: 'https://dl.k8s.io/v1.34.0/kubernetes-server-linux-${arch}.tar.gz',
        ...{ sha256: '', arch: 'arm64', optional: false },
      },
    });
    const install = plan.steps.find((step) => step.key === 'k/2:install');
    expect(install?.after).toEqual(['node/k-2:ready', fetch?.key]);
    expect(install?.input.artifacts).toEqual([
      {
        name: 'kubernetes',
        url: { $output: { step: fetch?.key, name: 'url' } },
        sha256: { $output: { step: fetch?.key, name: 'sha256' } },
        fileName: { $output: { step: fetch?.key, name: 'fileName' } },
      },
    ]);
    expect(plan.steps.find((step) => step.key === 'k/2:start')?.input.artifacts).toBeUndefined();
  });

  it('wait for their node where only that knows its architecture', () => {
    const { plan } = compileBundle(compiled('applications:\n  k: {role: kubelet, num_units: 2}\n'));
    expect(fetches(plan).map(({ after }) => after)).toEqual([['node/k-0:ready'], ['node/k-1:ready']]);
    expect(fetches(plan)[1]?.input).toMatchObject({ arch: { $output: { step: 'node/k-1:ready', name: 'arch' } } });
  });

  it('take a standing node as it is', () => {
    const nodes = { 'k-0': { nodeId: 'n', address: '10.0.0.1', architecture: 'arm64' } };
    const known = { nodes, published: {} };
    const { plan } = compileVerify({ ...compiled('applications:\n  k: {role: kubelet}\n'), known });
    expect(plan.steps.map((step) => `${step.kind} <- ${step.after.length}`)).toEqual([
      'artifact.fetch <- 0',
      'node.script <- 1',
    ]);
    expect(plan.steps[0]?.input).toMatchObject({ arch: 'arm64' });
  });

  it('take sums and addresses from options', () => {
    const options = `options: {sha256: ${SUM.toUpperCase()}, version: 1.33.1, extra: "http://mirror.lan/x"}`;
    const { plan, diagnostics } = compileBundle(
      compiled(`applications:\n  k: {role: kubelet, constraints: arch=amd64, ${options}}\n`),
    );
    expect(diagnostics).toEqual([]);
    expect(fetches(plan).map(({ input }) => input)).toMatchObject([
      { name: 'kubernetes', sha256: SUM, sha256From: expect.stringContaining('/v1.33.1/') as string },
      { name: 'extra', url: 'http://mirror.lan/x', sha256: SUM, arch: 'any', optional: true },
    ]);
  });

  it('are refused with a sum that is none, at its place', () => {
    const { diagnostics } = compileBundle(compiled('applications:\n  k: {role: kubelet, options: {sha256: abc}}\n'));
    expect(formatDiagnostics(diagnostics)).toBe(
      [
        'bundle.yaml:2:40  "abc" is no SHA-256',
        '  2 |   k: {role: kubelet, options: {sha256: abc}}',
        '    |                                        ^^^ expected 64 digits of hex',
      ].join('\n'),
    );
  });

  it('are refused where nothing tells the sum', () => {
    const role = ROLE.replace(/ {4}sha256-from.*\n/, '');
    const { diagnostics } = compileBundle(compiled('applications:\n  k: {role: kubelet}\n', role));
    expect(formatDiagnostics(diagnostics)).toContain('nothing tells the SHA-256 of "kubernetes"');
    expect(formatDiagnostics(diagnostics)).toContain('set "sha256"');
  });
});

it.each([
  [
    '  a: {url: "https://x/${versoin}", sha256-from: "https://x/s"}',
    'unknown option "versoin"',
    'did you mean "version"?',
  ],
  ['  a: {url: "https://x/y"}', 'nothing tells the SHA-256 of "a"', 'expected sha256: or sha256-from:'],
  [
    '  a: {url: "file:///etc/passwd", sha256-from: "https://x/s"}',
    'wrong address "file:///etc/passwd"',
    'expected https://',
  ],
  ['  a: {url: "http://x/y", sha256-from: "https://x/s"}', '"a" comes by http without its sha256', 'expected https://'],
  ['  a: {url: "https://x/y", sha256-from: "http://x/s"}', 'wrong address "http://x/s"', 'expected https://'],
  ['  a: {url: "https://x/y", sha256: "12"}', '"12" is no SHA-256', '64 digits'],
  ['  a: {url: "https://x/y", sha256: "12", sha: 1}', 'unknown key "sha"', 'sha256'],
])('an entry %s is refused', (entry, message, hint) => {
  const text = ROLE.replace(/artifacts:\n[^]*?steps:/, `artifacts:\n${entry}\nsteps:`).replaceAll(
    /, artifacts: \[.*?\]/g,
    '',
  );
  const told = formatDiagnostics(parsed(text).diagnostics);
  expect(told).toContain(message);
  expect(told).toContain(hint);
});

it('a step cannot use an artifact that the role has not', () => {
  const told = formatDiagnostics(parsed(ROLE.replace('[kubernetes]', '[kubernets]')).diagnostics);
  expect(told).toContain('the role has no artifact "kubernets"');
  expect(told).toContain('did you mean "kubernetes"?');
});
