import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { bakeHooks } from './bake-hooks.js';

const BYTES = 'an artifact';
const sha256 = createHash('sha256').update(BYTES).digest('hex');
let dir: string;
let work: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-bake-'));
  work = join(dir, 'work');
  mkdirSync(work);
  path = join(dir, 'source');
  writeFileSync(path, BYTES);
  return () => rmSync(dir, { recursive: true });
});

describe('what is baked into a root', () => {
  it('is masked, and laid where the step runner looks for it', async () => {
    const root = join(dir, 'root');
    mkdirSync(root);
    const files = [{ path, sha256, fileName: 'a.tar.gz' }];
    for (const hook of await bakeHooks({ masked: ['etcd.service'], files }, work))
      execFileSync('sh', ['-c', hook, 'sh', root]);
    expect(readlinkSync(join(root, 'etc/systemd/system/etcd.service'))).toBe('/dev/null');
    const laid = join(root, 'var/lib/muster/artifacts', sha256, 'a.tar.gz');
    expect(readFileSync(laid, 'utf8')).toBe(BYTES);
    expect(statSync(laid).mode & 0o777).toBe(0o644);
    expect(statSync(join(root, 'var/lib/muster')).mode & 0o777).toBe(0o700);
  });

  it('is no file whose sum the asker does not know, and none behind a link', async () => {
    const one = (of: string, sum = sha256) =>
      bakeHooks({ masked: [], files: [{ path: of, sha256: sum, fileName: 'x' }] }, work);
    await expect(one('/etc/shadow')).rejects.toThrow(/its SHA-256 is not/);
    rmSync(join(work, 'artifacts'), { recursive: true });
    symlinkSync(path, join(dir, 'link'));
    await expect(one(join(dir, 'link'))).rejects.toThrow(/ELOOP/);
  });

  it.each([
    [{ masked: ['x"; touch /tmp/y; "'], files: [] }],
    [{ masked: ['../x.service'], files: [] }],
    [{ masked: [], files: [{ path: '/x', sha256, fileName: '../x' }] }],
    [{ masked: [], files: [{ path: '/x', sha256: `${sha256}$(id)`, fileName: 'x' }] }],
  ])('has plain names: %j', async (baked) => {
    await expect(bakeHooks(baked, work)).rejects.toThrow(/it is no name/);
  });
});
