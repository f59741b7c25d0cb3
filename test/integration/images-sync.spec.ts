import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ContentStore, ImageCatalog, StreamSync, type SyncRequest } from '../../src/images/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { OutgoingHttp } from '../../src/platform/http/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { Datastores } from '../support/datastores.js';
import { newKey, SignedMirror, type MirrorItem, type MirrorProduct } from '../support/signed-mirror.js';

const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
const noble = { os: 'ubuntu', release: 'noble', version: '24.04', arch: 'amd64', label: 'release' };

let stores: Datastores;
let dataSource: DataSource;
let dir: string;
let mirror: SignedMirror;
let store: ContentStore;
let catalog: ImageCatalog;

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
  dir = mkdtempSync(join(tmpdir(), 'muster-sync-'));
  mirror = await SignedMirror.start(join(dir, 'keyring.asc'));
  store = new ContentStore(join(dir, 'images'));
  catalog = new ImageCatalog(dataSource);
  return async () => {
    await mirror.stop();
    rmSync(dir, { recursive: true });
  };
});

/** Waits are not waited, and a download gives up after the tries that `sleeps` allows. */
function sync(request: SyncRequest = {}, options: { sleeps?: number; onProgress?: (percent: number) => void } = {}) {
  let sleeps = options.sleeps ?? 10;
  const sleep = () => (sleeps-- > 0 ? Promise.resolve() : Promise.reject(new Error('stopped here')));
  const http = new OutgoingHttp({ allowLocal: true }, { ...systemClock, sleep });
  const defaults = { url: mirror.url, keyring: join(dir, 'keyring.asc') };
  return new StreamSync(catalog, store, http, defaults, systemClock, silentLogger).sync(request, options);
}

const item = (ftype: string, version: string, size = 5000): MirrorItem => ({
  ftype,
  path: `noble/amd64/${version}/${ftype}`,
  bytes: randomBytes(size),
});

function product(versions: string[], extra: Partial<MirrorProduct> = {}): MirrorProduct {
  const items = (version: string) => ['boot-kernel', 'boot-initrd', 'squashfs'].map((ftype) => item(ftype, version));
  return {
    name: 'com.ubuntu.maas.stable:v3:boot:24.04:amd64:ga-24.04',
    tags: { ...noble, subarch: 'ga-24.04' },
    versions: Object.fromEntries(versions.map((version) => [version, items(version)])),
    ...extra,
  };
}

describe('syncing a stream', () => {
  it('brings the newest version, checked, and records where it came from', async () => {
    const offered = product(['20240801', '20240821.1', '20240821']);
    await mirror.publish([offered]);
    const seen: number[] = [];
    const { added } = await sync({}, { onProgress: (percent) => seen.push(percent) });
    expect(added).toHaveLength(1);
    expect(added[0]).toMatchObject({
      kind: 'os',
      os: 'ubuntu',
      release: '24.04',
      architecture: 'amd64',
      variant: 'default',
      version: '20240821.1',
      source: mirror.url,
      createdAt: new Date('2024-08-21T00:00:00Z'),
    });
    expect(added[0]!.labels).toMatchObject({ codename: 'noble', label: 'release' });
    for (const { ftype, bytes } of offered.versions['20240821.1']!) {
      const content = await store.get(hashOf(bytes));
      expect(readFileSync(content.path).equals(bytes), ftype).toBe(true);
    }
    expect(await store.list()).toHaveLength(3);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  it('fetches nothing twice, and removes what is old and unused', async () => {
    await mirror.publish([product(['20240801'])]);
    const first = await sync();
    mirror.requests.length = 0;
    expect(await sync()).toMatchObject({ added: [], unchanged: [{ id: first.added[0]!.id }], removed: [] });
    expect(mirror.requests).toHaveLength(2);
    await mirror.publish([product(['20240801', '20240901'])]);
    const second = await sync();
    expect(second.removed.map((image) => image.id)).toEqual([first.added[0]!.id]);
    expect((await catalog.list()).map((image) => image.version)).toEqual(['20240901']);
  });

  it('keeps an old version that something uses', async () => {
    await mirror.publish([product(['20240801'])]);
    const { added } = await sync();
    await dataSource.query('insert into tenant values ($1)', [added[0]!.id]);
    await mirror.publish([product(['20240901'])]);
    expect((await sync()).removed).toEqual([]);
    expect((await catalog.list()).map((image) => image.version)).toEqual(['20240901', '20240801']);
  });

  it('brings what the filter lets pass, and says when that is nothing', async () => {
    const at = (version: string, path: string) => ({ [version]: [{ ...item('squashfs', version), path }] });
    await mirror.publish([
      product(['1', '2', '3']),
      { name: 'com.ubuntu.cloud:minimal:24.04:amd64', tags: noble, versions: at('1', 'minimal') },
      { name: 'com.ubuntu.cloud:server:24.04:arm64', tags: { ...noble, arch: 'arm64' }, versions: at('1', 'arm64') },
      { name: 'jammy', tags: { ...noble, release: 'jammy', version: '22.04' }, versions: at('1', 'jammy') },
      { name: 'daily', tags: { ...noble, label: 'daily', variant: 'daily' }, versions: at('9', 'daily') },
    ]);
    const names = async (request: SyncRequest) =>
      (await sync(request)).added.map(({ release, architecture, variant, version }) =>
        [release, architecture, variant, version].join(' '),
      );
    expect(await names({ releases: ['noble'], variants: ['minimal'] })).toEqual(['24.04 amd64 minimal 1']);
    expect(await names({ architectures: ['arm64'] })).toEqual(['24.04 arm64 default 1']);
    expect(await names({ releases: ['22.04'] })).toEqual(['22.04 amd64 default 1']);
    const newest = { releases: ['24.04'], variants: ['default'], architectures: ['amd64'], newestVersions: 2 };
    expect(await names(newest)).toEqual(['24.04 amd64 default 2', '24.04 amd64 default 3']);
    expect(await names({ labels: ['daily'] })).toEqual(['24.04 amd64 daily 9']);
    await expect(sync({ releases: ['warty'] })).rejects.toMatchObject({ kind: 'not-found' });
  });

  it('makes of a tar.xz and a qcow2 what an agent can write', async () => {
    const run = (program: string, ...args: string[]) => execFileSync(program, args, { cwd: dir, stdio: 'pipe' });
    const disk = Buffer.alloc(1 << 20);
    disk.set([0x55, 0xaa], 510);
    writeFileSync(join(dir, 'disk'), disk);
    run('qemu-img', 'convert', '-O', 'qcow2', 'disk', 'disk.qcow2');
    run('tar', '-cf', 'root.tar', 'disk');
    run('xz', '-k', 'root.tar');
    const versions = {
      '20240821': [
        { ftype: 'disk1.img', path: 'a/disk1.img', bytes: readFileSync(join(dir, 'disk.qcow2')) },
        { ftype: 'root.tar.xz', path: 'a/root.tar.xz', bytes: readFileSync(join(dir, 'root.tar.xz')) },
      ],
    };
    await mirror.publish([{ name: 'com.ubuntu.cloud:server:24.04:amd64', tags: noble, versions }]);
    const [image] = (await sync({ forms: ['tar', 'raw'] })).added;
    const unpackedBytes = { disk: disk.length, 'root-tar': readFileSync(join(dir, 'root.tar')).length };
    expect(image!.files.map(({ role }) => role).sort()).toEqual(['disk', 'root-tar']);
    for (const file of image!.files) {
      expect(file).toMatchObject({ compression: 'zstd', unpackedBytes: unpackedBytes[file.role as 'disk'] });
    }
    expect(await sync({ forms: ['tar', 'raw'] })).toMatchObject({ added: [], unchanged: [{ id: image!.id }] });
    expect(readdirSync(join(dir, 'images', 'partial'))).toEqual([]);
  });
});

describe('a broken connection', () => {
  it('is gone on with, also by the next sync', async () => {
    const offered = product(['20240821']);
    const squashfs = offered.versions['20240821']![2]!;
    squashfs.bytes = randomBytes(2_000_000);
    await mirror.publish([offered]);
    mirror.cuts.set(squashfs.path, 700_000);
    await expect(sync({}, { sleeps: 0 })).rejects.toThrow('stopped here');
    expect(await catalog.list()).toEqual([]);
    mirror.requests.length = 0;
    mirror.cuts.set(squashfs.path, 600_000);
    expect((await sync()).added).toHaveLength(1);
    const ranges = mirror.requests.filter((request) => request.url?.endsWith('squashfs')).map((r) => r.headers.range);
    expect(ranges).toHaveLength(2);
    expect(ranges.every((range) => /^bytes=[1-9]\d+-$/.test(range ?? ''))).toBe(true);
  });
});

describe('a stream is refused, and replaces nothing,', () => {
  beforeEach(async () => {
    await mirror.publish([product(['20240801'])]);
    await sync();
  });
  const refused = async (why: RegExp, request: SyncRequest = {}) => {
    await expect(sync(request)).rejects.toThrow(why);
    expect((await catalog.list()).map((image) => image.version)).toEqual(['20240801']);
    expect(await store.list()).toEqual([...(await catalog.contentInUse())].sort());
  };
  const replaceIn = (path: string, from: string, to: string) => {
    const text = mirror.files.get(path)!.toString();
    expect(text).toContain(from);
    mirror.files.set(path, Buffer.from(text.replaceAll(from, to)));
  };

  it('when another key signed it', async () => {
    await mirror.publish([product(['20240901'])], (await newKey()).privateKey);
    await refused(/cannot trust .*index.sjson/);
  });

  it('when a word of it was changed, in the index or in the products', async () => {
    await mirror.publish([product(['20240901'])]);
    const good = mirror.files.get('streams/v1/index.sjson')!;
    replaceIn('streams/v1/index.sjson', 'com.example:download"', 'com.example:Download"');
    await refused(/cannot trust .*index.sjson/);
    mirror.files.set('streams/v1/index.sjson', good);
    replaceIn('streams/v1/com.example:download.sjson', '20240901', '20991231');
    await refused(/cannot trust .*com.example:download.sjson/);
  });

  it('when it is not signed, cut short, or nonsense', async () => {
    const good = mirror.files.get('streams/v1/index.sjson')!;
    for (const bytes of [
      Buffer.from('{"format": "index:1.0", "index": {}}'),
      good.subarray(0, good.length / 2),
      good.subarray(0, good.length - 60),
      randomBytes(1000),
      Buffer.alloc(0),
    ]) {
      mirror.files.set('streams/v1/index.sjson', bytes);
      await refused(/cannot trust/);
    }
    mirror.files.delete('streams/v1/index.sjson');
    await refused(/answers 404/);
  });

  it('as far as it stands outside of what is signed', async () => {
    const good = mirror.files.get('streams/v1/index.sjson')!;
    mirror.files.set('streams/v1/index.sjson', Buffer.concat([good, Buffer.from('{"format": "index:1.0"}')]));
    expect(await sync()).toMatchObject({ added: [], unchanged: [{ version: '20240801' }] });
  });

  it.each([
    ['leads out of itself', '../../etc/passwd'],
    ['leads to another server', 'http://127.0.0.1:1/x'],
    ['leads to another scheme', 'file:///etc/passwd'],
    ['hides its way out', 'a/%2e%2e/%2e%2e/%2e%2e/x'],
  ])('when it %s', async (_, path) => {
    await mirror.publish([product([], { versions: { '20240901': [{ ...item('squashfs', '1'), path }] } })]);
    await refused(/leads out of the stream/);
  });

  it('when a file is not what it should be', async () => {
    const squashfs = item('squashfs', '20240901');
    await mirror.publish([product([], { versions: { '20240901': [squashfs] } })]);
    mirror.files.set(squashfs.path, randomBytes(squashfs.bytes.length));
    await refused(/its SHA-256 is/);
    mirror.files.set(squashfs.path, squashfs.bytes.subarray(0, 100));
    await refused(/it has 100 bytes, not 5000/);
    mirror.files.set(squashfs.path, randomBytes(6000));
    await refused(/more than 5000 bytes/);
  });

  it('when there is no keyring, or it holds no key', async () => {
    await refused(/cannot check the stream's signature/, { keyring: join(dir, 'missing') });
    writeFileSync(join(dir, 'empty.asc'), 'hello');
    await refused(/cannot (read the keyring|trust)/, { keyring: join(dir, 'empty.asc') });
  });
});
