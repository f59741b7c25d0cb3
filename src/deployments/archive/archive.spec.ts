import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { shippedRoles } from '../../../test/support/shipped-bundles.js';
import { loadBundle } from '../../bundles/index.js';
import { ContentStore, type NewImage } from '../../images/index.js';
import { BundleLibrary } from '../bundle-library.js';
import { importArchive, type ImportParts } from './archive-import.js';
import { ArchiveShelf } from './archive-shelf.js';
import { writeArchive } from './archive-tar.js';
import { BroughtBundles } from './brought-bundles.js';
import { KeptPackages } from './kept-packages.js';
import { filesOf, newManifest, type Manifest } from './manifest.js';

const folder = mkdtempSync(join(tmpdir(), 'muster-archive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const roles = shippedRoles();

const sumOf = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const blobs = new Map<string, Buffer>();
function blob(bytes: Buffer): { sha256: string; sizeBytes: number } {
  blobs.set(sumOf(bytes), bytes);
  return { sha256: sumOf(bytes), sizeBytes: bytes.length };
}

const root = blob(randomBytes(300_000));
const artifact = blob(randomBytes(70_000));
const deb = blob(randomBytes(5000));
const indexText = `Package: chrony\nFilename: ${deb.sha256}/chrony_4_amd64.deb\nSize: 5000\nSHA256: ${deb.sha256}\n`;
const index = blob(Buffer.from(indexText));
const BUNDLE = 'name: shop\napplications: {time: {role: ntp}, os: {role: mine}}\nrelations: [[time, os]]\n';
const ROLE = 'role: mine\nsummary: s\nbases: [debian@12]\n';
const texts = new Map([
  ['bundle.yaml', BUNDLE],
  ['roles/mine/role.yaml', ROLE],
]);

const good: Manifest = newManifest({
  ...{ name: 'shop', createdAt: '2026-11-26T12:00:00.000Z', bases: ['debian@12'] },
  bundle: [...texts].map(([path, text]) => ({ path, sha256: sumOf(text), sizeBytes: Buffer.byteLength(text) })),
  artifacts: [{ url: 'https://dl.test/a.tgz', sha256: artifact.sha256 }],
  images: [
    {
      ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'container', version: '1' },
      labels: {},
      createdAt: '2026-11-25T12:00:00.000Z',
      files: [{ role: 'root-squashfs', sha256: root.sha256, compression: 'none', unpackedBytes: null }],
    },
  ],
  packages: [
    {
      ...{ base: 'debian@12', architecture: 'amd64', names: ['chrony', 'systemd-timesyncd'], index: index.sha256 },
      files: [{ fileName: 'chrony_4_amd64.deb', sha256: deb.sha256 }],
    },
  ],
  contents: [root, artifact, deb, index],
});

type HeaderArgument = Parameters<ReturnType<typeof pack>['entry']>[0];
type Piece = [header: HeaderArgument, bytes: Buffer | string];
const bytesOf = (name: string) =>
  name.startsWith('bundle/')
    ? Buffer.from(texts.get(name.slice(7)) ?? '')
    : (blobs.get(name.slice(8)) ?? Buffer.alloc(0));

/** The entries of a good archive, for a test to spoil. */
function pieces(manifest: unknown = good): Piece[] {
  return [
    [{ name: 'manifest.json' }, JSON.stringify(manifest)],
    ...filesOf(good).map(({ name }): Piece => [{ name }, bytesOf(name)]),
  ];
}

async function tarOf(entries: readonly Piece[]): Promise<Buffer> {
  const tar = pack({});
  for (const [header, bytes] of entries) tar.entry(header, bytes);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

let dataDir: string;
let parts: ImportParts;
let recorded: { images: NewImage[]; pins: [string, string][] };
const imageStore = () => new ContentStore(join(dataDir, 'images'));
const kept = () => new ContentStore(join(dataDir, 'kept'));
const brought = () => new BroughtBundles(join(dataDir, 'bundles'));

beforeEach(() => {
  dataDir = mkdtempSync(join(folder, 'data-'));
  recorded = { images: [], pins: [] };
  const store = imageStore();
  parts = {
    ...{ dataDir, brought: brought(), kept: kept(), roles: () => roles },
    images: {
      addContent: (source, expected) => store.add(source, expected),
      findContent: (sha256) => store.find(sha256),
      forgetContent: async (sums) => {
        for (const sha256 of sums) await store.remove(sha256);
      },
      conflictWith: () => Promise.resolve(null),
      record: (image) => {
        recorded.images.push(image);
        return Promise.resolve(undefined as never);
      },
    },
    pins: {
      find: (url) => Promise.resolve(recorded.pins.find(([known]) => known === url)?.[1] ?? null),
      take: (sums) => {
        for (const { url, sha256 } of sums) recorded.pins.push([url, sha256]);
        return Promise.resolve();
      },
    },
  };
});

async function importBytes(bytes: Buffer, options: { dryRun?: boolean; sha256?: string } = {}): Promise<Manifest> {
  const path = join(dataDir, 'archive.tar');
  writeFileSync(path, bytes);
  return importArchive(path, parts, { dryRun: false, ...options });
}

/** Everything that an import could have left. */
async function left(): Promise<unknown> {
  const bundles = existsSync(join(dataDir, 'bundles')) ? readdirSync(join(dataDir, 'bundles')) : [];
  return { bundles, images: await imageStore().list(), kept: await kept().list(), recorded };
}
const NOTHING = { bundles: [], images: [], kept: [], recorded: { images: [], pins: [] } };

describe('a good archive', () => {
  it('brings its bundle, its roles, artifacts, images and packages', async () => {
    await importBytes(await tarOf(pieces()));
    expect(await imageStore().list()).toEqual([root.sha256]);
    expect(await kept().list()).toEqual([artifact, deb, index].map(({ sha256 }) => sha256).sort());
    expect(recorded.images).toMatchObject([{ source: 'archive shop', files: [{ sizeBytes: 300_000 }] }]);
    expect(recorded.pins).toEqual([['https://dl.test/a.tgz', artifact.sha256]]);
    const library = new BundleLibrary(undefined, brought());
    expect(library.names()).toContain('shop');
    expect(library.isBrought('shop')).toBe(true);
    const { bundle, roles: known } = loadBundle(library.get('shop'), library.roles);
    expect(bundle?.name).toBe('shop');
    expect(known.get('mine')?.summary).toBe('s');
  });

  it('is kept in the place of an earlier one of its name', async () => {
    await importBytes(await tarOf(pieces()));
    await importBytes(await tarOf(pieces()));
    expect(readdirSync(join(dataDir, 'bundles'))).toEqual(['shop']);
  });

  it('is only checked in a dry run', async () => {
    expect((await importBytes(await tarOf(pieces()), { dryRun: true })).name).toBe('shop');
    expect(await left()).toEqual(NOTHING);
  });

  it('gives nodes its packages, and only where it has all that are asked for', async () => {
    await importBytes(await tarOf(pieces()));
    const packages = new KeptPackages(brought());
    const on = (base: string) => () => Promise.resolve({ base, architecture: 'amd64' });
    expect(await packages.find(['chrony'], on('debian@12'))).toMatchObject({
      from: 'shop',
      index: { sha256: index.sha256, fileName: 'Packages' },
      packages: [{ sha256: deb.sha256, fileName: 'chrony_4_amd64.deb' }],
    });
    expect(await packages.find(['chrony', 'other'], on('debian@12'))).toBeNull();
    expect(await packages.find(['chrony'], on('ubuntu@24.04'))).toBeNull();
  });

  it('comes from a shelf as the same bytes each time, as long as foretold, and is read back', async () => {
    const clock = { now: () => new Date('2026-11-26T12:00:00Z'), sleep: () => Promise.resolve() };
    const shelf = new ArchiveShelf(join(dataDir, 'exports'), clock);
    const contents = new Map<string, { path: string; sizeBytes: number }>();
    for (const { sha256, sizeBytes } of good.contents) {
      const path = join(dataDir, sha256);
      writeFileSync(path, blobs.get(sha256) ?? '');
      contents.set(sha256, { path, sizeBytes });
    }
    const files = [...texts].map(([name, text]) => ({ name, text }));
    const { name, bases, artifacts, images, packages } = good;
    const id = '0'.repeat(8) + '-0000-0000-0000-000000000000';
    await shelf.put(id, { name, bases, artifacts, images, packages, files, contents });
    const { sizeBytes, bytes } = await shelf.open(id);
    const [first, second] = [await wholeOf(bytes()), await wholeOf(bytes())];
    expect(first.equals(second)).toBe(true);
    expect(first.length).toBe(sizeBytes);
    await importBytes(first, { sha256: sumOf(first) });
    expect(brought().names()).toEqual(['shop']);
    writeFileSync(join(dataDir, deb.sha256), randomBytes(5000));
    await expect(wholeOf((await shelf.open(id)).bytes())).rejects.toThrow(/the SHA-256 of content/);
    await expect(shelf.open('../../etc/passwd')).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('an archive that is refused, and leaves nothing', () => {
  const manifestWith = (change: object) => pieces({ ...good, ...change });
  const [one] = good.bundle;
  const otherBundle = (text: string) => {
    const bundle = [{ path: 'bundle.yaml', sha256: sumOf(text), sizeBytes: text.length }];
    const entries = manifestWith({ bundle });
    entries.splice(1, 2, [{ name: 'bundle/bundle.yaml' }, text]);
    return entries;
  };
  const swapped = (at: number, header: HeaderArgument, bytes: Buffer | string = ''): Piece[] =>
    pieces().map((piece, n) => (n === at ? [header, bytes] : piece));
  const cases: [string, () => Piece[], RegExp][] = [
    ['is empty', () => [], /it is empty/],
    ['has no manifest first', () => pieces().slice(1), /it begins with "bundle/],
    ['has a manifest that is none', () => [[{ name: 'manifest.json' }, 'no']], /cannot read the archive/],
    ['is of another format', () => manifestWith({ format: 'muster-archive-9' }), /manifest.json: format/],
    ['has a key too many', () => manifestWith({ more: 1 }), /cannot read the archive/],
    [
      'leads out of the folder',
      () => manifestWith({ bundle: [{ ...one, path: '../../etc/cron.d/x' }] }),
      /bundle.0.path/,
    ],
    ['has an absolute path', () => manifestWith({ bundle: [{ ...one, path: '/etc/x' }] }), /bundle.0.path/],
    ['has a path with a NUL', () => manifestWith({ bundle: [{ ...one, path: 'a\0b' }] }), /bundle.0.path/],
    ['has a name that is a path', () => manifestWith({ name: '../x' }), /manifest.json: name/],
    ['names a file twice', () => manifestWith({ bundle: [one, one] }), /bundle.yaml twice/],
    ['names a content twice', () => manifestWith({ contents: [...good.contents, root] }), /twice/],
    ['names a content that it lacks', () => manifestWith({ contents: [root, artifact, deb] }), /and has it not/],
    ['has a content that nothing needs', () => manifestWith({ artifacts: [] }), /nothing in it needs/],
    ['ends early, between files', () => pieces().slice(0, -1), /it ends before content/],
    ['has a file too many', () => [...pieces(), [{ name: 'content/x' }, 'x']], /does not name "content\/x"/],
    ['has the same file again', () => [...pieces(), pieces()[3] as Piece], /does not name/],
    ['has files in another order', () => pieces().reverse(), /it begins with/],
    ['has another name', () => swapped(1, { name: '../../etc/passwd' }, BUNDLE), /stands where its manifest has/],
    [
      'has a link',
      () => swapped(1, { name: 'bundle/bundle.yaml', type: 'symlink', linkname: '/etc/passwd' }),
      /no plain file/,
    ],
    ['has a hard link', () => swapped(1, { name: 'bundle/bundle.yaml', type: 'link', linkname: 'x' }), /no plain file/],
    ['has a device', () => swapped(3, { name: `content/${root.sha256}`, type: 'block-device' }), /no plain file/],
    ['has a folder', () => swapped(1, { name: 'bundle/', type: 'directory' }), /no plain file/],
    ['has a longer file', () => swapped(1, { name: 'bundle/bundle.yaml' }, `${BUNDLE} `), /has \d+ bytes, and not/],
    [
      'has other bytes',
      () => swapped(1, { name: 'bundle/bundle.yaml' }, BUNDLE.toUpperCase()),
      /the SHA-256 of bundle\/bundle.yaml/,
    ],
    [
      'has other bytes in its last file',
      () => swapped(6, { name: `content/${index.sha256}` }, indexText.replace('4', '5')),
      /the SHA-256 of content/,
    ],
    ['has a bundle that is not good', () => otherBundle('applications: {a: {role: nothing-like-it}}'), /unknown role/],
    [
      'has a bundle of more than its share',
      () => manifestWith({ bundle: [{ ...one, sizeBytes: 3 << 20 }] }),
      /bundle.0.sizeBytes/,
    ],
    [
      'has a list of packages that are not in it',
      () =>
        manifestWith({ packages: [{ ...good.packages[0], files: [{ fileName: 'other.deb', sha256: deb.sha256 }] }] }),
      /list of packages/,
    ],
    [
      'gives a package a name that is a path',
      () =>
        manifestWith({ packages: [{ ...good.packages[0], files: [{ fileName: '../x.deb', sha256: deb.sha256 }] }] }),
      /fileName/,
    ],
  ];
  it.each(cases)('%s', async (_, entries, why) => {
    await expect(importBytes(await tarOf(entries()))).rejects.toThrow(why);
    expect(await left()).toEqual(NOTHING);
  });

  it('is cut anywhere', async () => {
    const whole = await tarOf(pieces());
    const lengths = fc.integer({ min: 0, max: whole.length - 1025 });
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => {
        await expect(importBytes(whole.subarray(0, length))).rejects.toThrow(/cannot use this archive/);
        expect(await left()).toEqual(NOTHING);
      }),
      { numRuns: 40 },
    );
  });

  it('has one wrong bit', async () => {
    const whole = await tarOf(pieces());
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.integer({ min: 0, max: 7 }),
        async (at, bit) => {
          const bytes = Buffer.from(whole);
          bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
          await expect(importBytes(bytes, { sha256: sumOf(whole) })).rejects.toThrow();
          expect(await left()).toEqual(NOTHING);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is noise', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), async (noise) => {
        await expect(importBytes(Buffer.from(noise))).rejects.toThrow(/cannot use this archive/);
        expect(await left()).toEqual(NOTHING);
      }),
      { numRuns: 40 },
    );
  });

  it('tells another sum of an artifact than this server knows', async () => {
    recorded.pins.push(['https://dl.test/a.tgz', 'f'.repeat(64)]);
    const refused = importBytes(await tarOf(pieces()));
    await expect(refused).rejects.toMatchObject({ kind: 'conflict', message: /dl.test/ });
    expect(await left()).toMatchObject({ bundles: [], images: [], kept: [] });
  });

  it('leaves what an earlier one brought', async () => {
    await importBytes(await tarOf(pieces()));
    const before = await left();
    await expect(importBytes(await tarOf(pieces().slice(0, -1)))).rejects.toThrow(/it ends before/);
    expect(await left()).toEqual(before);
  });
});

describe('an archive of gigabytes', () => {
  let path: string;
  beforeAll(() => {
    path = join(folder, 'sparse');
  });

  it('is never in memory as a whole', { timeout: 60_000 }, async () => {
    const before = process.memoryUsage().rss;
    const size = 256 << 20;
    const zeros = Buffer.alloc(1 << 20);
    const hash = createHash('sha256');
    for (let n = 0; n < size; n += zeros.length) hash.update(zeros);
    const sha256 = hash.digest('hex');
    const { artifacts: _, ...rest } = good;
    const manifest = newManifest({
      ...rest,
      images: [],
      packages: [],
      artifacts: [{ url: 'https://dl.test/big', sha256 }],
      contents: [{ sha256, sizeBytes: size }],
    });
    const open = ({ name, sizeBytes }: { name: string; sizeBytes: number }) =>
      name.startsWith('bundle/')
        ? Readable.from([bytesOf(name)])
        : Readable.from(
            (function* () {
              for (let n = 0; n < sizeBytes; n += zeros.length) yield zeros;
            })(),
          );
    await pipeline(writeArchive(manifest, open), createWriteStream(path));
    expect(statSync(path).size).toBeGreaterThan(size);
    await importArchive(path, parts, { dryRun: true });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 << 20);
  });
});

async function wholeOf(stream: Readable): Promise<Buffer> {
  const found: Buffer[] = [];
  for await (const part of stream) found.push(part as Buffer);
  return Buffer.concat(found);
}
