import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KeyKeeper } from '../../src/access/index.js';
import { rotateKeys } from '../../src/local/secrets/rotate-keys.js';
import { SEALED_PLACES } from '../../src/local/secrets/sealed-places.js';
import { systemClock } from '../../src/platform/clock.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { KeyFile, keyIdOf, newKey, openSecretBox, SecretBox } from '../../src/platform/secrets/index.js';
import { Datastores } from '../support/datastores.js';
import { sealMany, sealOneOfEach } from '../support/sealed-rows.js';

let stores: Datastores;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());

let url: string;
let dataSource: DataSource;
let dataDir: string;
let file: KeyFile;
let first: Buffer;
let box: SecretBox;
/** What runs in this process as in a server: ended, last first, after each test. */
let ends: (() => Promise<void>)[];
beforeEach(async () => {
  ends = [];
  dataDir = mkdtempSync(join(tmpdir(), 'muster-rotate-'));
  ({ url, dataSource } = await stores.createDatabase());
  box = await openSecretBox({ dataDir, secrets: {} });
  file = KeyFile.of({ dataDir, secrets: {} });
  [first] = (await file.read()) as [Buffer];
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
  await dataSource.destroy();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A server's part: it loads what the key file says. */
async function serve(name: string, of: SecretBox, from: KeyFile): Promise<void> {
  const keeper = new KeyKeeper(dataSource, of, from, name, silentLogger);
  await keeper.onApplicationBootstrap();
  ends.push(() => keeper.beforeApplicationShutdown());
}

const rotate = (waitMs = 10_000, tell: (text: string) => void = () => undefined) =>
  rotateKeys({ dataSource, keyFile: file, clock: systemClock, waitMs, tell });

/** Opens every value of every place with these keys; gives how many there were. */
async function openAll(keys: readonly Buffer[]): Promise<number> {
  const reader = new SecretBox(keys);
  let count = 0;
  for (const place of SEALED_PLACES) {
    const rows = await dataSource.query<{ sealed: string; row: string }[]>(
      `select ${place.sealed} as sealed, ${place.rowId} as row from ${place.table} where ${place.sealed} is not null`,
    );
    for (const { sealed, row } of rows) reader.open(sealed, row);
    count += rows.length;
  }
  return count;
}

interface Ended {
  signal: string | null;
  code: number | null;
  stdout: string;
  stderr: string;
}

const inTest = (path: string) => join(import.meta.dirname, '..', path);

/** `muster secrets …` as a process of its own. */
const muster = (...words: string[]) => program([inTest('../src/cli.ts'), 'secrets', ...words, '--json']);
/** The same change of the key, killed as soon as it says what fits `killAt`. */
const killedRotation = (killAt: RegExp) => program([inTest('support/rotate-keys.ts'), url, file.path, killAt.source]);

async function program(words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', inTest('support/typescript.mjs'), ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATABASE_URL: url, MUSTER_DATA_DIR: dataDir },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  await new Promise((resolve) => child.once('close', resolve));
  return { signal: child.signalCode, code: child.exitCode, ...said };
}

describe('changing the key', () => {
  it('wraps every place again; the old key opens nothing and is gone', async () => {
    await sealOneOfEach(dataSource, box);
    const report = await rotate();
    const keys = await file.read();
    expect(keys).toHaveLength(1);
    expect(report).toMatchObject({ retired: [keyIdOf(first)], current: keyIdOf(keys[0]!), resumed: false });
    expect(report.rewrapped.map(({ rows }) => rows)).toEqual(SEALED_PLACES.map(() => 1));
    expect(await openAll(keys)).toBe(SEALED_PLACES.length);
    await expect(openAll([first])).rejects.toThrow(/not loaded/);
  });

  it('counts, and changes nothing, in a dry run', async () => {
    await sealOneOfEach(dataSource, box);
    await serve('api on rack1', box, file);
    const { code, stdout } = await muster('rotate', '--dry-run');
    const told = JSON.parse(stdout) as { sealed: { what: string; rows: number }[]; processes: string[] };
    expect(code).toBe(0);
    expect(told.sealed).toEqual(SEALED_PLACES.map(({ what }) => ({ what, rows: 1 })));
    expect(told.processes).toEqual(['api on rack1']);
    expect(await file.read()).toEqual([first]);
    expect(await dataSource.query('select 1 from secret_key')).toEqual([]);
  });

  it('by hand, a second key in the file, is finished: the first of them seals', async () => {
    await sealOneOfEach(dataSource, box);
    const byHand = newKey();
    await file.write([byHand, first]);
    expect(await rotate()).toMatchObject({ current: keyIdOf(byHand), retired: [keyIdOf(first)], resumed: true });
    expect(await openAll([byHand])).toBe(SEALED_PLACES.length);
  });

  it('is done by one at a time', async () => {
    const results = await Promise.allSettled([rotate(), rotate()]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(results.find((result) => result.status === 'rejected')?.reason).toMatchObject({ kind: 'conflict' });
  });

  it('never retires a key under which something is left in a place that nobody knows', async () => {
    await dataSource.query('create table stray (note jsonb)');
    await dataSource.query('insert into stray values ($1)', [{ deep: [box.seal('x', 'row')] }]);
    await expect(rotate()).rejects.toThrow(/still sealed under it in stray\.note/);
    expect((await file.read()).map(keyIdOf)).toContain(keyIdOf(first));
    await dataSource.query('drop table stray');
    expect(await rotate()).toMatchObject({ resumed: true, retired: [keyIdOf(first)] });
    expect(await file.read()).toHaveLength(1);
  });
});

it('killed at every stage it goes on, while a server reads and writes', { timeout: 180_000 }, async () => {
  await sealOneOfEach(dataSource, box);
  await sealMany(dataSource, box, 3000);
  await serve('worker on rack1', box, file);
  const server = new BusyServer();
  ends.push(() => server.stop());
  const stages = [
    /adding key/,
    /process \(1\) has key/,
    /sealing with key/,
    /process \(1\) seals with/,
    /wrapping \d+ values/,
    /documents: 500 /,
    /documents: 2\d\d\d /,
    /searching the database/,
    /taking the old key out/,
  ];
  for (const stage of stages) {
    expect(await killedRotation(stage)).toMatchObject({ signal: 'SIGKILL' });
    // A server that starts now has nothing but the file.
    await openAll(await file.read());
    expect(server.faults).toEqual([]);
  }
  const last = await muster('rotate');
  expect(last).toMatchObject({ code: 0 });
  const keys = await file.read();
  expect(JSON.parse(last.stdout)).toMatchObject({ resumed: true, current: keyIdOf(keys[0]!) });
  await server.stop();
  expect(server.faults).toEqual([]);
  expect(server.written).toBeGreaterThan(100);
  expect(keys).toHaveLength(1);
  expect(keys).not.toContainEqual(first);
  expect(await openAll(keys)).toBe(3000 + SEALED_PLACES.length + server.written);
  expect(await dataSource.query('select id, state from secret_key order by state')).toEqual([
    { id: keyIdOf(keys[0]!), state: 'current' },
    { id: keyIdOf(first), state: 'retired' },
  ]);
  expect(await dataSource.query('select action, subject from audit_entry')).toEqual([
    { action: 'secrets.rotate', subject: `key ${keyIdOf(keys[0]!)}` },
  ]);
});

describe('a process that is behind', () => {
  it('is waited for: nothing is sealed with a key that it does not have', async () => {
    await sealOneOfEach(dataSource, box);
    const elsewhere = new KeyFile(join(dataDir, 'copy.key'));
    copyFileSync(file.path, elsewhere.path);
    const other = new SecretBox([first]);
    await serve('worker on rack2', other, elsewhere);
    await expect(rotate(1500)).rejects.toMatchObject({
      kind: 'unavailable',
      details: [{ message: 'worker on rack2' }],
    });
    expect((await file.read())[0]).toEqual(first);
    await openAll([first]);
    // The operator does as the hint says; the second half waits for him too.
    await expect(
      rotate(4000, (text) => {
        if (/waiting until each process has/.test(text)) copyFileSync(file.path, elsewhere.path);
      }),
    ).rejects.toThrow(/seals with/);
    copyFileSync(file.path, elsewhere.path);
    expect(await rotate()).toMatchObject({ resumed: true });
    expect(await openAll(await file.read())).toBe(SEALED_PLACES.length);
  });

  it('and slept through it all can store nothing under the old key', async () => {
    const slept = new SecretBox([first]);
    await rotate();
    await expect(sealMany(dataSource, slept, 1)).rejects.toThrow(/sealed under key \w+, which is closed/);
    await sealMany(dataSource, new SecretBox(await file.read()), 1);
  });

  it('does not start with a key file that cannot open what is there', async () => {
    await rotate();
    const stale = new KeyFile(join(dataDir, 'stale.key'));
    copyFileSync(file.path, stale.path);
    await stale.write([newKey()]);
    await expect(serve('api', new SecretBox(await stale.read()), stale)).rejects.toThrow(/cannot start/);
  });
});

/** Stores and opens secrets without a pause, with the box that the keeper keeps. */
class BusyServer {
  written = 0;
  readonly faults: unknown[] = [];
  private stopped = false;
  private readonly work = this.run();

  async stop(): Promise<void> {
    this.stopped = true;
    await this.work;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      try {
        await sealMany(dataSource, box, 1);
        this.written += 1;
        const rows = await dataSource.query<{ id: string; seed: string }[]>(
          'select id, seed from metadata_token order by random() limit 5',
        );
        for (const { id, seed } of rows) box.open(seed, id);
      } catch (error) {
        this.faults.push(error);
      }
      await systemClock.sleep(5);
    }
  }
}
