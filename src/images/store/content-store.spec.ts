import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContentStore } from './content-store.js';

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const bytes = (text: string) => Readable.from([Buffer.from(text)]);
const HELLO = hashOf('hello');

let dir: string;
let store: ContentStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-store-'));
  store = new ContentStore(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));
const leftovers = () => readdirSync(join(dir, 'incoming'));

describe('the store', () => {
  it('keeps bytes under their hash, once', async () => {
    const one = await store.add(bytes('hello'));
    const two = await store.add(bytes('hello'), { sha256: HELLO, sizeBytes: 5 });
    expect(one).toEqual({ sha256: HELLO, sizeBytes: 5, path: join(dir, 'sha256', HELLO.slice(0, 2), HELLO) });
    expect(two).toEqual(one);
    expect(readFileSync(one.path, 'utf8')).toBe('hello');
    expect(await store.list()).toEqual([HELLO]);
    expect(await store.find(HELLO)).toEqual(one);
    expect(leftovers()).toEqual([]);
  });

  it('keeps nothing of what is not as expected, or breaks off', async () => {
    await expect(store.add(bytes('hello'), { sha256: hashOf('other') })).rejects.toThrow(/SHA-256 is 2cf24d/);
    await expect(store.add(bytes('hello'), { sizeBytes: 6 })).rejects.toThrow('5 bytes came, not 6');
    async function* breaking() {
      yield await Promise.resolve(Buffer.from('hel'));
      throw new Error('connection reset');
    }
    await expect(store.add(breaking())).rejects.toThrow('connection reset');
    await expect(store.add(bytes('hello'), {}, AbortSignal.abort())).rejects.toThrow(/abort/);
    expect(await store.list()).toEqual([]);
    expect(leftovers()).toEqual([]);
  });

  it('takes over a file of its own folder', async () => {
    const path = await store.newTemporaryPath();
    writeFileSync(path, 'hello');
    await expect(store.adopt(path, { sha256: hashOf('other') })).rejects.toThrow(/SHA-256/);
    expect(await store.adopt(path, { sha256: HELLO })).toMatchObject({ sha256: HELLO });
    expect(leftovers()).toEqual([]);
  });

  it('sees damage, and is mended by storing again', async () => {
    const { path } = await store.add(bytes('hello'));
    writeFileSync(path, 'jello');
    expect(await store.isIntact(HELLO)).toBe(false);
    await store.add(bytes('hello'));
    expect(await store.isIntact(HELLO)).toBe(true);
  });

  it('knows where an nginx in front finds its content', async () => {
    await store.add(bytes('hello'));
    const content = await new ContentStore(dir, '/muster-images').get(HELLO);
    expect(content.handOffTo).toBe(`/muster-images/2c/${HELLO}`);
  });

  it('does not take a path for a hash', async () => {
    for (const name of ['../../etc/passwd', '', 'A'.repeat(64), `${HELLO}/`, 'é'.repeat(64)]) {
      await expect(store.find(name)).rejects.toThrow(/cannot use/);
    }
  });

  it('says what to do when content is missing', async () => {
    await expect(store.get(HELLO)).rejects.toMatchObject({ kind: 'not-found' });
  });
});

describe('collecting', () => {
  const age = (path: string, hours: number, now: Date) => {
    const at = new Date(now.getTime() - hours * 3_600_000);
    utimesSync(path, at, at);
  };

  it('removes what is old and unused, and broken imports; keeps the rest', async () => {
    const now = new Date();
    const [used, unused, young] = await Promise.all(['used', 'unused', 'young'].map((text) => store.add(bytes(text))));
    const abandoned = await store.newTemporaryPath();
    writeFileSync(abandoned, 'half');
    for (const path of [used!.path, unused!.path, abandoned]) age(path, 2, now);
    const result = await store.collect(new Set([used!.sha256]), now);
    expect(result.removed.sort()).toEqual([unused!.path, abandoned].sort());
    expect(result.freedBytes).toBe(10);
    expect(await store.list()).toEqual([used!.sha256, young!.sha256].sort());
  });

  it('takes content stored again for young', async () => {
    const now = new Date();
    const { path } = await store.add(bytes('again'));
    age(path, 2, now);
    await store.add(bytes('again'));
    expect((await store.collect(new Set(), now)).removed).toEqual([]);
    expect(statSync(path).size).toBe(5);
  });
});
