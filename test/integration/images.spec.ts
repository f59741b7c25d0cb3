import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bakedLike,
  type BakedLike,
  ContentStore,
  ImageCatalog,
  ImagesService,
  StreamSync,
} from '../../src/images/index.js';
import type { ImageBuilders } from '../../src/images/image-builders.js';
import { systemClock } from '../../src/platform/clock.js';
import { OutgoingHttp } from '../../src/platform/http/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { Datastores } from '../support/datastores.js';

let stores: Datastores;
let dataSource: DataSource;
let dir: string;
let store: ContentStore;
let images: ImagesService;
let nowMs: number;
let contents: Record<'kernel' | 'initrd' | 'fileSystem' | 'squashfs', string>;

beforeAll(async () => {
  stores = await Datastores.start();
  ({ dataSource } = await stores.createDatabase());
  // Stands for whatever refers to images.
  await dataSource.query('create table tenant (image_id uuid references image)');
});
afterAll(async () => {
  await dataSource.destroy();
  await stores.stop();
});

beforeEach(async () => {
  await dataSource.query('delete from tenant');
  await dataSource.query('delete from image');
  dir = mkdtempSync(join(tmpdir(), 'muster-images-'));
  store = new ContentStore(join(dir, 'images'));
  nowMs = Date.now();
  contents = { kernel: 'kernel 1', initrd: 'initrd 1', fileSystem: 'files 1', squashfs: 'squashfs 1' };
  const clock = { ...systemClock, now: () => new Date(nowMs) };
  const catalog = new ImageCatalog(dataSource);
  const streams = new StreamSync(
    catalog,
    store,
    new OutgoingHttp(),
    { url: 'http://127.0.0.1:1/' },
    clock,
    silentLogger,
  );
  images = new ImagesService(catalog, store, builders, streams, { cacheDir: join(dir, 'cache'), clock });
  return () => rmSync(dir, { recursive: true });
});

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

function built(name: keyof typeof contents) {
  const text = contents[name];
  const path = join(dir, name);
  writeFileSync(path, text);
  return { path, sha256: hashOf(text), sizeBytes: text.length };
}

const asked: object[] = [];
const builders: ImageBuilders = {
  buildMemoryEnvironment: () =>
    Promise.resolve({
      kernel: built('kernel'),
      initrd: built('initrd'),
      localBootLoader: built('kernel'),
      version: hashOf(contents.initrd).slice(0, 8),
      kernelVersion: '6.1.0',
      architecture: 'amd64',
    }),
  buildOsImage: (options) => {
    const { os, release } = options;
    asked.push(options);
    return Promise.resolve({
      os,
      release,
      architecture: 'amd64',
      version: hashOf(contents.fileSystem).slice(0, 8),
      kernelVersion: '6.1.0',
      fileSystem: built('fileSystem'),
      fileSystemBytes: 5_000_000_000,
      squashfs: built('squashfs'),
      unpackedBytes: 4_000_000_000,
    });
  },
};
const debian = { os: 'debian', release: '12' } as const;

function writeTar(name: string): string {
  const block = Buffer.alloc(1024);
  block.write('ustar', 257);
  const path = join(dir, name);
  writeFileSync(path, block);
  return path;
}

describe('building', () => {
  it('stores an operating system that can be deployed', async () => {
    const image = await images.build({ target: debian });
    expect(image).toMatchObject({ kind: 'os', ...debian, source: 'build', labels: { kernel: 'generic' } });
    const chosen = await images.getSelected({ ...debian, architecture: 'amd64' });
    expect(images.getDeployable(chosen)).toEqual({
      form: 'ext4',
      compression: 'zstd',
      sha256: hashOf('files 1'),
      sizeBytes: 7,
      unpackedBytes: 5_000_000_000,
      ...debian,
    });
    expect(images.getDeployable(chosen, ['squashfs']).sha256).toBe(hashOf('squashfs 1'));
    expect(() => images.getDeployable(chosen, ['raw'])).toThrow(/has no raw/);
  });

  it('stores a memory environment, and gives its two files', async () => {
    await images.build({ target: 'memory', kernel: 'cloud' });
    const { kernel, initrd, image } = await images.getMemoryEnvironment('amd64');
    expect(image.labels).toMatchObject({ kernel: 'cloud' });
    expect(kernel.sha256).toBe(hashOf('kernel 1'));
    expect(statSync(initrd.path).size).toBe(8);
    await expect(images.getMemoryEnvironment('arm64')).rejects.toMatchObject({ hint: 'muster images build memory' });
  });

  it('again with nothing changed gives the same image; with a change a newer one; back again the first, newest', async () => {
    const first = await images.build({ target: debian });
    expect((await images.build({ target: debian })).id).toBe(first.id);
    expect(await images.list()).toHaveLength(1);
    nowMs += 1000;
    contents.fileSystem = 'files 2';
    const second = await images.build({ target: debian });
    expect((await images.select({ architecture: 'amd64' }))?.id).toBe(second.id);
    nowMs += 1000;
    contents.fileSystem = 'files 1';
    await images.build({ target: debian });
    expect((await images.select({ architecture: 'amd64' }))?.id).toBe(first.id);
  });

  it('baked with more in it, is newer than the one it is made from, says where it came from, and can be baked again', async () => {
    const plain = await images.build({ target: debian, include: ['vim'] });
    nowMs += 1000;
    contents.fileSystem = 'files and more';
    const baked = { masked: ['etcd.service'], files: [] };
    const request = { packages: ['chrony', 'vim'], baked, name: 'ntp', labels: { roles: 'ntp' } };
    const made = await images.bake({ like: bakedLike(plain), ...request });
    expect(asked.at(-1)).toMatchObject({ ...debian, kernel: 'generic', include: ['chrony', 'vim'], baked });
    const labels = { roles: 'ntp', include: 'chrony vim', from: plain.id, kernel: 'generic' };
    expect(made).toMatchObject({ source: 'bake ntp', variant: 'default', labels });
    expect((await images.getSelected({ ...debian, architecture: 'amd64' })).id).toBe(made.id);
    await images.bake({ like: bakedLike(made), ...request, packages: ['curl'] });
    expect(asked.at(-1)).toMatchObject({ include: ['chrony', 'curl', 'vim'] });
    const brought = await images.importFile({
      path: writeTar('t.tar'),
      os: 'debian',
      release: '12',
      architecture: 'amd64',
    });
    expect(() => bakedLike(brought)).toThrow(/muster has not built it/);
  });

  it('baked anew needs no image that is there', async () => {
    const like: BakedLike = { ...debian, architecture: 'amd64', kernel: 'cloud', include: [], from: null };
    const baked = { masked: [], files: [] };
    const made = await images.bake({ like, packages: ['jq'], baked, name: 'k', labels: { roles: '' } });
    expect(asked.at(-1)).toMatchObject({ ...debian, kernel: 'cloud', include: ['jq'] });
    expect(made.labels).toEqual({
      roles: '',
      include: 'jq',
      kernel: 'cloud',
      kernelVersion: made.labels.kernelVersion,
    });
  });

  it('by several at once ends with one image', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, () => images.build({ target: debian })));
    expect(new Set(all.map((image) => image.id)).size).toBe(1);
    expect(await images.list()).toHaveLength(1);
  });
});

describe('importing', () => {
  const request = { os: 'alpine', release: '3.20', architecture: 'amd64' };

  it('gives the time as version', async () => {
    nowMs = Date.parse('2026-11-21T07:24:44Z');
    const image = await images.importFile({ ...request, path: writeTar('root.tar') });
    expect(image).toMatchObject({ ...request, variant: 'default', version: '20261121.072444' });
  });

  it('does not put other bytes under a version that is taken', async () => {
    const versioned = { ...request, version: '1' };
    const first = await images.importFile({ ...versioned, path: writeTar('root.tar') });
    expect((await images.importFile({ ...versioned, path: writeTar('root.tar') })).id).toBe(first.id);
    const disk = Buffer.alloc(1024);
    disk.set([0x55, 0xaa], 510);
    writeFileSync(join(dir, 'disk'), disk);
    const other = images.importFile({ ...versioned, path: join(dir, 'disk') });
    await expect(other).rejects.toMatchObject({ kind: 'conflict', message: /version 1: another image/ });
    expect((await images.get(first.id)).files).toHaveLength(1);
  });
});

describe('the store and the records', () => {
  it('tell what is damaged and what is missing, and for whom', async () => {
    const image = await images.build({ target: debian });
    expect(await images.verify()).toEqual([]);
    writeFileSync(store.pathOf(hashOf('files 1')), 'rat 1');
    rmSync(store.pathOf(hashOf('squashfs 1')));
    const problems = await images.verify();
    expect(problems.sort((a, b) => (a.problem < b.problem ? -1 : 1))).toEqual([
      { sha256: hashOf('files 1'), problem: 'damaged', images: [image.id] },
      { sha256: hashOf('squashfs 1'), problem: 'missing', images: [image.id] },
    ]);
    expect(await images.findContent(hashOf('squashfs 1'))).toBeNull();
    expect(await images.findContent('../../etc/passwd')).toBeNull();
  });

  it('free with an image what no other shares', async () => {
    const first = await images.build({ target: debian });
    contents.fileSystem = 'files 2';
    await images.build({ target: debian });
    nowMs += 2 * 3_600_000;
    await images.delete(first.id);
    expect(await store.list()).toEqual([hashOf('files 2'), hashOf('squashfs 1')].sort());
    await expect(images.get(first.id)).rejects.toMatchObject({ kind: 'not-found' });
    await expect(images.delete(first.id)).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('keep an image that something refers to', async () => {
    const image = await images.build({ target: debian });
    await dataSource.query('insert into tenant values ($1)', [image.id]);
    await expect(images.delete(image.id)).rejects.toMatchObject({ kind: 'conflict' });
    expect(await images.verify()).toEqual([]);
  });
});
