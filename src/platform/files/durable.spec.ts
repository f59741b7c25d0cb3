import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createOnceDurably, writeDurably } from './index.js';

const newFolder = () => mkdtempSync(join(tmpdir(), 'muster-files-'));

it('replaces a file and leaves nothing beside it', async () => {
  const dir = newFolder();
  await writeDurably(join(dir, 'a', 'file'), 'old');
  await writeDurably(join(dir, 'a', 'file'), 'new', 0o600);
  expect(readFileSync(join(dir, 'a', 'file'), 'utf8')).toBe('new');
  expect(statSync(join(dir, 'a', 'file')).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(dir, 'a'))).toEqual(['file']);
});

it('lets exactly one of many creators win', async () => {
  const path = join(newFolder(), 'key');
  const won = await Promise.all(Array.from({ length: 10 }, (_, n) => createOnceDurably(path, `creator ${n}`)));
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(`creator ${won.indexOf(true)}`);
  expect(readdirSync(join(path, '..'))).toEqual(['key']);
});

it('does not hide a folder that cannot be made', async () => {
  const dir = newFolder();
  await writeDurably(join(dir, 'file'), '');
  await expect(writeDurably(join(dir, 'file', 'below'), '')).rejects.toThrow(/ENOTDIR|EEXIST/);
});
