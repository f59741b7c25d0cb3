import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { clientSettings } from './client-settings.js';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-client-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const settings = (environment: Record<string, string>, given = {}) =>
  clientSettings({ HOME: dir, MUSTER_DATA_DIR: join(dir, 'data'), ...environment }, given);

describe('the client', () => {
  it('takes the token from the environment, then its own file, then the local server', () => {
    expect(settings({}).token).toBeNull();
    mkdirSync(join(dir, 'data'));
    writeFileSync(join(dir, 'data/admin.token'), 'local\n');
    expect(settings({}).token).toBe('local');
    mkdirSync(join(dir, '.config/muster'), { recursive: true });
    writeFileSync(join(dir, '.config/muster/token'), 'mine\n');
    expect(settings({}).token).toBe('mine');
    expect(settings({ MUSTER_TOKEN: 'given' }).token).toBe('given');
  });

  it('takes certificates alone from the authority file, which may hold a key as well', () => {
    const file = join(dir, 'ca.pem');
    writeFileSync(file, `-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n${PEM}\n`);
    expect(settings({ MUSTER_CA_FILE: file }).authority).toBe(PEM);
    writeFileSync(file, 'nothing');
    expect(() => settings({ MUSTER_CA_FILE: file })).toThrow(/no certificate/);
  });

  it('sends no token in the clear to another computer', () => {
    expect(() => settings({}, { api: 'http://10.0.0.1:7443' })).toThrow(/in the clear/);
    expect(() => settings({}, { api: 'ftp://x' })).toThrow(/cannot use/);
    expect(settings({}, { api: 'http://localhost:1/' }).url).toBe('http://localhost:1');
  });
});
