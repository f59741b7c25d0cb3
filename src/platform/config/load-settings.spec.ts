import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { loadSettings, settingNames } from './load-settings.js';

function fileWith(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'muster-settings-')), 'muster.yaml');
  writeFileSync(path, text);
  return path;
}

describe('settings', () => {
  it('has a default for everything', () => {
    expect(loadSettings({})).toMatchObject({
      dataDir: '/var/lib/muster',
      roles: ['api', 'boot', 'worker', 'scheduler'],
    });
  });

  it('reads the environment over the file', () => {
    const file = fileWith('api: {port: 1234, host: 127.0.0.1}\n');
    const settings = loadSettings({ MUSTER_CONFIG: file, MUSTER_API_PORT: '4321', DATABASE_URL: 'postgres://x/y' });
    expect(settings.api).toMatchObject({ port: 4321, host: '127.0.0.1' });
    expect(settings.databaseUrl).toBe('postgres://x/y');
  });

  it('reads lists and roles from the environment', () => {
    const settings = loadSettings({ MUSTER_ROLES: 'api,worker', MUSTER_BOOT_INTERFACES: 'br0,eth1' });
    expect(settings.roles).toEqual(['api', 'worker']);
    expect(settings.boot.interfaces).toEqual(['br0', 'eth1']);
  });

  it('tells all problems at once, each with its place', () => {
    const file = fileWith('api: {port: 99999}\ntypo: 1\n');
    try {
      loadSettings({ MUSTER_CONFIG: file, MUSTER_LOG_LEVEL: 'loud' });
      expect.unreachable();
    } catch (error) {
      const places = (error as MusterError).details.map((detail) => detail.at);
      expect(places).toContain(`${file}: api.port`);
      expect(places).toContain('MUSTER_LOG_LEVEL');
      expect((error as MusterError).details).toHaveLength(3);
    }
  });

  it('takes mirrors of a host, of a path on it, or of every host', () => {
    const settings = loadSettings({ MUSTER_ARTIFACT_MIRRORS: 'https://dl.k8s.io/v1=/srv/k8s https://=/srv/all' });
    expect(settings.artifactMirrors).toEqual({ 'https://dl.k8s.io/v1': '/srv/k8s', 'https://': '/srv/all' });
  });

  it('names the variable where a part of it is wrong, and says what was expected', () => {
    // Without a slash it would stand for hosts such as dl.k8s.io.example as well.
    for (const prefix of ['https://dl.k8s.io', 'ftp://x/', '']) {
      try {
        loadSettings({ MUSTER_ARTIFACT_MIRRORS: `${prefix}=/srv` });
        expect.unreachable();
      } catch (error) {
        const [detail] = (error as MusterError).details;
        expect(detail?.at).toBe('MUSTER_ARTIFACT_MIRRORS');
        expect(detail?.message).toMatch(/such as https:\/\/dl/);
      }
    }
  });

  it('names every setting once', () => {
    const names = settingNames().map(([name]) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('MUSTER_BOOT_REQUESTS_PER_SECOND_PER_SOURCE');
  });
});
