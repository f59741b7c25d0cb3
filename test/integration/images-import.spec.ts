import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContentStore } from '../../src/images/store/content-store.js';
import { detectContent, detectPacking } from '../../src/images/import/detect-format.js';
import { importContent } from '../../src/images/import/import-content.js';

let dir: string;
let store: ContentStore;
const at = (name: string) => join(dir, name);
const run = (program: string, ...args: string[]) =>
  execFileSync(program, args, { cwd: dir, stdio: 'pipe', maxBuffer: 1 << 26 });

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-import-'));
  store = new ContentStore(at('store'));
  mkdirSync(at('root'));
  writeFileSync(at('root/hello'), 'hello '.repeat(1000));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A disk of 4 MiB with a boot signature. */
function writeDisk(name: string): Buffer {
  const disk = Buffer.alloc(4 << 20);
  disk.set([0x55, 0xaa], 510);
  disk.write('the root', 1 << 20);
  writeFileSync(at(name), disk);
  return disk;
}

const storedIncoming = () => readdirSync(at('store/incoming'));

describe('importing', () => {
  it('takes a tar as gzip or zstd as it is, whatever it is called', async () => {
    run('tar', '-cf', 'x.tar', 'root');
    const tar = readFileSync(at('x.tar'));
    writeFileSync(at('picture.jpg'), gzipSync(tar));
    run('zstd', '-q', 'x.tar', '-o', 'x.zst');
    expect(await importContent(store, at('picture.jpg'))).toMatchObject({
      form: 'tar',
      compression: 'gzip',
      unpackedBytes: tar.length,
    });
    const zstd = await importContent(store, at('x.zst'));
    expect(zstd).toMatchObject({ form: 'tar', compression: 'zstd', unpackedBytes: tar.length });
    expect(readFileSync(zstd.content.path)).toEqual(readFileSync(at('x.zst')));
  });

  it.each([
    ['plain', []],
    ['xz', ['xz', '-q']],
  ])('packs a %s tar as zstd', async (_, packer) => {
    run('tar', '-cf', 'x', 'root');
    const tar = readFileSync(at('x'));
    const [program, ...args] = packer;
    if (program !== undefined) run(program, ...args, '--suffix=.packed', 'x');
    const imported = await importContent(store, at(program === undefined ? 'x' : 'x.packed'));
    expect(imported).toMatchObject({ form: 'tar', compression: 'zstd', unpackedBytes: tar.length });
    expect(run('zstd', '-dc', imported.content.path)).toEqual(tar);
  });

  it('makes a raw disk of a qcow2, packed or not', async () => {
    const disk = writeDisk('disk');
    run('qemu-img', 'convert', '-O', 'qcow2', 'disk', 'disk.qcow2');
    run('gzip', '-k', 'disk.qcow2');
    for (const name of ['disk', 'disk.qcow2', 'disk.qcow2.gz']) {
      const imported = await importContent(store, at(name));
      expect(imported).toMatchObject({ form: 'raw', compression: 'zstd', unpackedBytes: disk.length });
      expect(run('zstd', '-dc', imported.content.path).equals(disk)).toBe(true);
    }
    expect(storedIncoming()).toEqual([]);
  });

  it('takes a squashfs as it is', async () => {
    run('mksquashfs', 'root', 'x.squashfs', '-quiet', '-no-progress');
    expect(await importContent(store, at('x.squashfs'))).toMatchObject({
      form: 'squashfs',
      compression: 'none',
      unpackedBytes: null,
    });
  });

  it('tells how far it is, ever onwards', async () => {
    writeDisk('disk');
    const seen: number[] = [];
    await importContent(store, at('disk'), { onProgress: (percent) => seen.push(percent) });
    expect(seen.length).toBeGreaterThan(3);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});

describe('importing refuses', () => {
  const refused = async (name: string, why: RegExp, sha256?: string) => {
    await expect(importContent(store, at(name), { sha256 })).rejects.toThrow(why);
    expect(await store.list()).toEqual([]);
  };

  it('what cannot be deployed', async () => {
    const iso = Buffer.alloc(40_000);
    iso.write('CD001', 32_769);
    iso.set([0x55, 0xaa], 510);
    writeFileSync(at('installer.iso'), iso);
    await refused('installer.iso', /no tar, squashfs, raw disk or qcow2/);
    writeFileSync(at('empty'), '');
    await refused('empty', /no tar/);
    writeFileSync(at('text.gz'), gzipSync('hello'));
    await refused('text.gz', /no tar/);
    await expect(importContent(store, at('root'))).rejects.toThrow(/not a file/);
  });

  it.each(['gzip', 'zstd', 'xz'])('a %s that was cut short', async (packer) => {
    const disk = writeDisk('disk');
    for (let i = 0; i < disk.length; i += 7) disk[i] = (i * 2654435761) >>> 24;
    disk.set([0x55, 0xaa], 510);
    writeFileSync(at('disk'), disk);
    writeFileSync(at('packed'), execFileSync(packer, ['-c', at('disk')], { maxBuffer: 1 << 28 }));
    truncateSync(at('packed'), Math.floor(readFileSync(at('packed')).length / 2));
    await refused('packed', /cannot run (gzip|zstd|xz)/);
  });

  it('a torn squashfs and a torn tar', async () => {
    run('mksquashfs', 'root', 'x.squashfs', '-quiet', '-no-progress', '-nopad');
    truncateSync(at('x.squashfs'), 200);
    await expect(importContent(store, at('x.squashfs'))).rejects.toThrow(/are missing/);
    run('tar', '-cf', 'x.tar', 'root');
    truncateSync(at('x.tar'), 1000);
    await expect(importContent(store, at('x.tar'))).rejects.toThrow(/middle of a block/);
  });

  it('another hash than was promised', async () => {
    writeDisk('disk');
    await refused('disk', /SHA-256 is/, 'a'.repeat(64));
  });

  it('a qcow2 that reads other files of this computer', async () => {
    writeFileSync(at('secret'), 'x'.repeat(4096));
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', at('secret'), '-F', 'raw', 'evil.qcow2');
    await refused('evil.qcow2', /refers to another file/);
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', `data_file=${at('out')},data_file_raw=on`, 'data.qcow2', '1M');
    await refused('data.qcow2', /refers to another file/);
  });

  it('what becomes of a qcow2 while it is imported', async () => {
    const disk = writeDisk('disk');
    run('qemu-img', 'convert', '-O', 'qcow2', 'disk', 'turns.qcow2');
    writeFileSync(at('secret'), 'x'.repeat(4096));
    run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', at('secret'), '-F', 'raw', 'evil.qcow2');
    const real = run('sh', '-c', 'command -v qemu-img').toString().trim();
    const swap = `[ "$1" != info ] || cp '${at('evil.qcow2')}' '${at('turns.qcow2')}'`;
    mkdirSync(at('bin'));
    writeFileSync(at('bin/qemu-img'), `#!/bin/sh\n${real} "$@" || exit\n${swap}\n`, { mode: 0o755 });
    const { PATH } = process.env;
    process.env.PATH = `${at('bin')}:${PATH ?? ''}`;
    try {
      const { content } = await importContent(store, at('turns.qcow2'));
      expect(run('zstd', '-dc', content.path).equals(disk)).toBe(true);
      await store.remove(content.sha256);
    } finally {
      process.env.PATH = PATH;
    }
  });

  it('a qcow2 that would fill the disk', async () => {
    run('qemu-img', 'create', '-q', '-f', 'qcow2', 'huge.qcow2', '2T');
    await refused('huge.qcow2', /2199023255552 bytes/);
  });
});

it('finds no format in noise and in nothing', () => {
  for (const noise of [Buffer.alloc(0), Buffer.from([0x1f]), Buffer.alloc(600, 0xff), Buffer.from('QFI')]) {
    expect(detectContent(noise)).toBeNull();
    expect(detectPacking(noise)).toBe('none');
  }
});
