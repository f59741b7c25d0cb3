import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeFile } from '../../src/images/build/index.js';
import { packagesIndex, type PackageFile } from '../../src/images/index.js';
import type { PackageSource } from '../../src/pipeline/index.js';
import { NodeSteps } from '../support/node-steps.js';

let node: NodeSteps;
let files: Map<string, { path: string; sizeBytes: number }>;
let packages: PackageSource;
const asked: string[][] = [];

/** A package that does nothing, such as no archive has. */
async function makePackage(folder: string, name: string, depends: string): Promise<PackageFile> {
  const root = join(folder, name);
  mkdirSync(join(root, 'DEBIAN'), { recursive: true });
  const fields = { Package: name, Version: '1:2.0', Architecture: 'all', Maintainer: 'A <a@b.test>', Depends: depends };
  const control = Object.entries({ ...fields, Description: 'nothing' }).filter(([, value]) => value !== '');
  writeFileSync(join(root, 'DEBIAN/control'), `${control.map(([key, value]) => `${key}: ${value}`).join('\n')}\n`);
  const fileName = `${name}_2.0_all.deb`;
  execFileSync('dpkg-deb', ['--build', '--root-owner-group', root, join(folder, fileName)], { stdio: 'ignore' });
  return { ...(await describeFile(join(folder, fileName))), fileName };
}

beforeAll(async () => {
  node = await NodeSteps.start();
  const made = [
    await makePackage(node.sshd.dir, 'muster-test-one', 'muster-test-two (>= 1:1)'),
    await makePackage(node.sshd.dir, 'muster-test-two', ''),
  ];
  const text = await packagesIndex(made);
  const index = join(node.sshd.dir, 'Packages');
  writeFileSync(index, text);
  const sum = createHash('sha256').update(text).digest('hex');
  files = new Map(made.map(({ sha256, path, sizeBytes }) => [sha256, { path, sizeBytes }]));
  files.set(sum, { path: index, sizeBytes: Buffer.byteLength(text) });
  const artifact = (sha256: string, fileName: string) => ({ name: 'package', url: '', sha256, fileName });
  const set = {
    from: 'shop',
    index: artifact(sum, 'Packages'),
    indexBytes: Buffer.byteLength(text),
    packages: made.map(({ sha256, fileName }) => artifact(sha256, fileName)),
  };
  packages = {
    find: async (names, system) => {
      const { base, architecture } = await system();
      asked.push([...names, base, architecture]);
      return names.includes('muster-test-one') ? set : null;
    },
  };
});
afterAll(() => node.stop());
beforeEach(() => {
  const open = ({ sha256 }: { sha256: string }) => Promise.resolve(files.get(sha256) ?? { path: '', sizeBytes: 0 });
  node.begin({ artifacts: { open }, packages });
});
afterEach(() => node.end());

it('apt on a node knows the packages that are kept for it, and no others, while a step runs', async () => {
  const script = `set -e
    apt-get -q update
    apt-cache policy muster-test-one bash | grep -E '^[a-z]|Candidate|file:'
    cd "$(mktemp -d)"
    apt-get -s -q install -y --no-install-recommends muster-test-one | grep '^Inst'
    apt-get -q download muster-test-two
    dpkg-deb -f ./*.deb Package Version
    apt-get -s -q install -y hello-of-another-archive || echo "none of another: $?"`;
  const run = await node.submit({ input: { script, packages: ['muster-test-one'] } });
  expect(await node.over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
  const log = await node.logOf(run.id);
  expect(log).toContain('[muster: packages come from the archive shop]\n');
  expect(log).toMatch(/muster-test-one:\n\s+Candidate: 1:2\.0\n\s+.*file:/);
  expect(log).toMatch(/Inst muster-test-two \(1:2\.0 .*\nInst muster-test-one/);
  expect(log).toMatch(/Package: muster-test-two\nVersion: 1:2\.0/);
  expect(log).toContain('none of another: 100');
  expect(log).not.toMatch(/^(Err|W:|E: (?!Unable to locate))/m);
  expect(asked.at(-1)).toMatchObject([
    'muster-test-one',
    expect.stringMatching(/^(debian|ubuntu)@\d+/) as string,
    expect.stringMatching(/^[a-z0-9]+$/) as string,
  ]);
});

it('apt is as it always was where nothing is kept, and for steps that ask for nothing', async () => {
  const script = 'echo "<$APT_CONFIG>"';
  const run = await node.submit({ input: { script, packages: ['other'] } }, { input: { script } });
  await node.over(run.id);
  expect(await node.logOf(run.id)).toBe('<>\n');
  expect(await node.logOf(run.id, 's1')).toBe('<>\n');
  expect(existsSync('/var/lib/muster/apt')).toBe(false);
});
