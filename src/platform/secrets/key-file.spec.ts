import { chmodSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSecretBox, rotateKey, type RotatableRows } from './index.js';

function newSettings() {
  return { dataDir: mkdtempSync(join(tmpdir(), 'muster-secrets-')), secrets: {} };
}

function tableOf(rows: Map<string, string>): RotatableRows {
  return {
    list: () => Promise.resolve([...rows].map(([id, sealed]) => ({ id, sealed }))),
    replace: (row, previous) => {
      if (rows.get(row.id) !== previous) return Promise.resolve(false);
      rows.set(row.id, row.sealed);
      return Promise.resolve(true);
    },
  };
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

describe('rotating the key', () => {
  it('wraps every row again and forgets the old key', async () => {
    const settings = newSettings();
    const box = await openSecretBox(settings);
    const rows = new Map([1, 2, 3].map((n) => [`row ${n}`, box.seal(`secret ${n}`, `row ${n}`)]));
    expect(await rotateKey(settings, tableOf(rows))).toEqual({ rewrapped: 3 });
    const fresh = await openSecretBox(settings);
    expect([...rows].map(([id, sealed]) => fresh.open(sealed, id))).toEqual(['secret 1', 'secret 2', 'secret 3']);
    expect(() => box.open(rows.get('row 1')!, 'row 1')).toThrow(/not loaded/);
    expect(readFileSync(join(settings.dataDir, 'secrets.key'), 'utf8').trim().split('\n')).toHaveLength(1);
  });

  it('can be stopped half way and run again, with everything readable in between', async () => {
    const settings = newSettings();
    const box = await openSecretBox(settings);
    const rows = new Map([1, 2, 3].map((n) => [`row ${n}`, box.seal(`secret ${n}`, `row ${n}`)]));
    const table = tableOf(rows);
    let replaced = 0;
    const breaking: RotatableRows = {
      ...table,
      replace: (row, previous) =>
        ++replaced > 1 ? Promise.reject(new Error('power cut')) : table.replace(row, previous),
    };
    await expect(rotateKey(settings, breaking)).rejects.toThrow('power cut');
    const between = await openSecretBox(settings);
    expect([...rows].map(([id, sealed]) => between.open(sealed, id))).toEqual(['secret 1', 'secret 2', 'secret 3']);
    await rotateKey(settings, table);
    const fresh = await openSecretBox(settings);
    expect([...rows].map(([id, sealed]) => fresh.open(sealed, id))).toEqual(['secret 1', 'secret 2', 'secret 3']);
  });

  it('does not overwrite a row that changed meanwhile', async () => {
    const settings = newSettings();
    const box = await openSecretBox(settings);
    const rows = new Map([['row', box.seal('old', 'row')]]);
    const table = tableOf(rows);
    let first = true;
    await rotateKey(settings, {
      ...table,
      replace: (row, previous) => {
        if (first) rows.set('row', box.seal('new', 'row'));
        first = false;
        return table.replace(row, previous);
      },
    });
    expect((await openSecretBox(settings)).open(rows.get('row')!, 'row')).toBe('new');
  });
});
