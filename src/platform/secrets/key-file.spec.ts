import { chmodSync, chownSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KeyFile, keyIdOf, newKey, openSecretBox, SecretBox } from './index.js';

function newSettings() {
  return { dataDir: mkdtempSync(join(tmpdir(), 'muster-secrets-')), secrets: {} };
}

describe('the key file', () => {
  it('is made at the first start, for this user alone, and used again', async () => {
    const settings = newSettings();
    const [one, two] = await Promise.all([openSecretBox(settings), openSecretBox(settings)]);
    expect(statSync(join(settings.dataDir, 'secrets.key')).mode & 0o777).toBe(0o600);
    expect(two.open(one.seal('hunter2', 'row'), 'row')).toBe('hunter2');
    expect((await openSecretBox(settings)).open(one.seal('hunter2', 'row'), 'row')).toBe('hunter2');
  });

  it('given by the operator is never made, and must be private and whole', async () => {
    const { dataDir } = newSettings();
    const keyFile = join(dataDir, 'operator.key');
    const open = () => openSecretBox({ dataDir, secrets: { keyFile } });
    await expect(open()).rejects.toThrow(/cannot read the key file/);
    writeFileSync(keyFile, 'abc\n', { mode: 0o600 });
    await expect(open()).rejects.toThrow(/32 bytes in hex/);
    writeFileSync(keyFile, `${'ab'.repeat(32)}\n`);
    chmodSync(keyFile, 0o644);
    await expect(open()).rejects.toThrow(/others on this computer may read it/);
    chmodSync(keyFile, 0o600);
    const box = await open();
    expect(box.open(box.seal('x', 'row'), 'row')).toBe('x');
  });
});

it('a box takes other keys while it is used', async () => {
  const settings = newSettings();
  const box = await openSecretBox(settings);
  const sealed = box.seal('hunter2', 'row');
  const [old] = await KeyFile.of(settings).read();
  await KeyFile.of(settings).write([newKey(), old!]);
  box.useKeys(await KeyFile.of(settings).read());
  expect(box.keyIds[1]).toBe(keyIdOf(old!));
  expect(box.open(sealed, 'row')).toBe('hunter2');
  expect(() => new SecretBox([old!]).open(box.seal('x', 'row'), 'row')).toThrow(/not loaded/);
});

it.runIf(process.getuid?.() === 0)('a key file that root writes stays with its owner, and private', async () => {
  const settings = newSettings();
  await openSecretBox(settings);
  const file = KeyFile.of(settings);
  chownSync(file.path, 12_345, 12_346);
  await file.write([newKey()]);
  expect(statSync(file.path)).toMatchObject({ uid: 12_345, gid: 12_346 });
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
});
