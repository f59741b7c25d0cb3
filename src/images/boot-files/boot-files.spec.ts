import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../../platform/files/index.js';
import { silentLogger } from '../../platform/log/index.js';
import { parseBootFileList, parseGathered } from './boot-file-list.js';
import { BootFiles } from './boot-files.js';

const below = mkdtempSync(join(tmpdir(), 'muster-boot-files-'));
afterAll(() => rmSync(below, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(below, 'folder-'));

describe('the shipped list', () => {
  const list = parseBootFileList(readFileSync(join(packageRoot(), 'tftp/manifest.yaml'), 'utf8'));

  it('names each file once', () => {
    const names = list.map((file) => file.name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has what each firmware needs, shim with its GRUB and its key tool beside it', () => {
    const names = list.map((file) => file.name);
    for (const name of ['undionly.kpxe', 'snponly.efi', 'local-boot.efi', 'shimx64.efi', 'grubx64.efi', 'mmx64.efi']) {
      expect(names).toContain(name);
    }
    expect(names).toEqual(expect.arrayContaining(['shimaa64.efi', 'grubaa64.efi', 'mmaa64.efi']));
  });
});

it.each([
  ['a path for a name', 'files: [{name: ../x, package: ipxe, path: /x, architecture: amd64}]'],
  ['an option for a package', 'files: [{name: x, package: -o, path: /x, architecture: amd64}]'],
  ['a field it does not know', 'files: [{name: x, package: ipxe, path: /x, architecture: amd64, url: http://x}]'],
  ['nothing', ''],
])('refuses a list with %s', (_, text) => {
  expect(() => parseBootFileList(text)).toThrow(/cannot read the list/);
});

it.each(['', '[{}]', '{}', '[{"name":"../x","sha256":"","sizeBytes":1,"package":"","version":""}]'])(
  'refuses the manifest %j',
  (text) => expect(() => parseGathered(text)).toThrow(/cannot read the manifest/),
);

describe("an operator's folder", () => {
  const open = async (filesDir: string) => {
    const files = new BootFiles({ dataDir: newFolder(), boot: { filesDir, architectures: ['amd64'] } }, silentLogger);
    await files.load();
    return files;
  };

  it('is served by exact name, its files alone', async () => {
    const folder = newFolder();
    writeFileSync(join(folder, 'snponly.efi'), 'hello');
    mkdirSync(join(folder, 'below'));
    const files = await open(folder);
    expect(files.find('snponly.efi')).toEqual({
      name: 'snponly.efi',
      path: join(folder, 'snponly.efi'),
      sizeBytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
    });
    for (const name of ['below', '../passwd', './snponly.efi', '', 'constructor']) expect(files.find(name)).toBeNull();
    await expect(files.gather()).rejects.toThrow(/boot.filesDir/);
  });

  it('that is empty is a mistake', async () => {
    await expect(open(newFolder())).rejects.toThrow(/there are none in it/);
  });
});
