import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BootFiles } from '../../src/images/index.js';
import { silentLogger } from '../../src/platform/log/index.js';

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'muster-boot-'));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

async function load(): Promise<BootFiles> {
  const files = new BootFiles({ dataDir, boot: { architectures: ['amd64'] } }, silentLogger);
  await files.load();
  return files;
}

it("are gathered from the distribution's packages at the first load", async () => {
  const files = await load();
  expect(files.list().map((file) => file.name)).toEqual([
    'bootx64.efi',
    'grubx64.efi',
    'ipxe.efi',
    'local-boot.efi',
    'mmx64.efi',
    'shimx64.efi',
    'snponly.efi',
    'undionly.kpxe',
  ]);

  for (const name of ['local-boot.efi', 'snponly.efi', 'grubx64.efi']) {
    // A PE executable begins with "MZ" (PE format, MS-DOS stub).
    expect(readFileSync(files.find(name)!.path).subarray(0, 2).toString(), name).toBe('MZ');
  }
  expect(readdirSync(dataDir)).toEqual(['boot-files']);
});

it('are the same for several that start together', async () => {
  rmSync(join(dataDir, 'boot-files'), { recursive: true });
  const [one, two] = await Promise.all([load(), load()]);
  expect(one.list()).toEqual(two.list());
  expect(readdirSync(dataDir)).toEqual(['boot-files']);
});

it('are gathered again when one was changed or lost', async () => {
  const before = (await load()).find('snponly.efi')!;
  writeFileSync(before.path, 'evil');
  expect((await load()).find('snponly.efi')).toEqual(before);
  rmSync(before.path);
  expect((await load()).find('snponly.efi')).toEqual(before);
  expect(existsSync(before.path)).toBe(true);
});

it('are gathered again when one that is made here would be made otherwise now', async () => {
  const manifest = join(dataDir, 'boot-files', 'manifest.json');
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, text.replace(/\+[0-9a-f]{8}"/, '+00000000"'));
  await load();
  expect(readFileSync(manifest, 'utf8')).toBe(text);
});

it('are there as soon as they can be had, also where that is after the start', async () => {
  const filesDir = join(dataDir, 'later');
  const files = new BootFiles({ dataDir, boot: { filesDir, architectures: ['amd64'] } }, silentLogger);
  await files.start(50);
  expect(files.list()).toEqual([]);
  mkdirSync(filesDir);
  writeFileSync(join(filesDir, 'snponly.efi'), 'MZ');
  await expect.poll(() => files.find('snponly.efi')?.sizeBytes).toBe(2);
  files.stop();
});
