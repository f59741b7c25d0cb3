import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROLE = join(import.meta.dirname, '../../bundles/roles/lxd');

/** A container is a folder with a file for each setting, and one for what is in it; packed it is a tar of that. */
const LXC = `case "$1 $2" in
'config show') [ -d "$3" ] ;;
'config get') [ -d "$3" ] && { cat "$3/$4" 2>/dev/null || true; } ;;
'config set') [ -z "$KILLED" ] || { kill -9 $PPID; exit; }; echo "\${4#*=}" >"$3/\${4%%=*}" ;;
'config device') [ "$3" = override ] ;;
'profile device') echo pool ;;
'delete --force') rm -r "$3" ;;
import*) shift; [ "$1" != --quiet ] || shift; mkdir "$2" && tar -xf "$1" -C "$2" ;;
list*) case "$*" in *s) echo RUNNING ;; *) echo '10.0.0.9 (eth0)' ;; esac ;;
*) echo "lxc $*: what is that?" >&2; exit 2 ;;
esac`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-import-'));
  for (const name of ['bin', 'script', 'moving', 'host']) mkdirSync(join(folder, name));
  for (const file of ['container-import.sh', 'engine.sh']) {
    const text = readFileSync(join(ROLE, file), 'utf8');
    const own = text.replaceAll('/var/lib/muster', folder).replaceAll('/dev/tcp/$address/22', '/dev/null');
    writeFileSync(join(folder, 'script', file), own);
  }
  program('lxc', `cd '${folder}/host'\n${LXC}`);
  program('muster-publish', 'exit 0');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const program = (name: string, body: string) => {
  writeFileSync(join(folder, 'bin', name), `#!/bin/bash\n${body}\n`, { mode: 0o755 });
};
const archive = () => join(folder, 'moving/c.in');
const inside = () => readFileSync(join(folder, 'host/c/content'), 'utf8');

/** Has come from another host; its hash. `settings`: what the container has there, beside its deployment. */
function arrive(content: string, settings: Record<string, string> = {}): string {
  const there = mkdtempSync(join(folder, 'there-'));
  const files = { content, 'user.muster.deployment': 'd', ...settings };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(there, name), text);
  spawnSync('tar', ['-cf', archive(), '-C', there, '.']);
  return createHash('sha256').update(readFileSync(archive())).digest('hex');
}

function unpack(sha256: string, more: Record<string, string> = {}) {
  const env = {
    ...{ PATH: `${folder}/bin:${process.env.PATH ?? ''}`, OPT_ENGINE: 'deb', KILLED: '' },
    ...{ NAME: 'c', DEPLOYMENT: 'd', ADDRESS: '10.0.0.9', SHA256: sha256, ...more },
  };
  const { status, stderr } = spawnSync('bash', ['container-import.sh'], {
    ...{ cwd: join(folder, 'script'), env, encoding: 'utf8', timeout: 20_000 },
  });
  return { status, stderr };
}

describe('a container that is unpacked', () => {
  it('takes the place of what a move that was given up has left', () => {
    const first = arrive('stale');
    expect(unpack(first)).toEqual({ status: 0, stderr: '' });
    // It went to a third host by that same archive, so it has the mark of it.
    const second = arrive('fresh', { 'user.muster.packed': first });
    expect(unpack(second)).toEqual({ status: 0, stderr: '' });
    expect(inside()).toBe('fresh');
    expect(existsSync(archive())).toBe(false);
  });

  it('is left as it is where it was unpacked already', () => {
    const sha256 = arrive('packed');
    unpack(sha256);
    writeFileSync(join(folder, 'host/c/content'), 'gone on');
    expect(unpack(sha256)).toEqual({ status: 0, stderr: '' });
    expect(inside()).toBe('gone on');
  });

  it('is unpacked again where that was cut before it was marked', () => {
    const sha256 = arrive('packed', { 'user.muster.packed': 'an earlier one' });
    expect(unpack(sha256, { KILLED: 'yes' }).status).not.toBe(0);
    expect(existsSync(archive())).toBe(true);
    writeFileSync(join(folder, 'host/c/content'), 'half');
    expect(unpack(sha256)).toEqual({ status: 0, stderr: '' });
    expect(inside()).toBe('packed');
  });

  it("does not take the place of another deployment's", () => {
    unpack(arrive('theirs'));
    writeFileSync(join(folder, 'host/c/user.muster.deployment'), 'other');
    expect(unpack(arrive('ours'))).toMatchObject({ status: 78 });
    expect(inside()).toBe('theirs');
  });

  it('is not touched by an archive that came otherwise than it was packed', () => {
    unpack(arrive('stands'));
    arrive('torn');
    expect(unpack('0'.repeat(64))).toMatchObject({ status: 1 });
    expect(inside()).toBe('stands');
    expect(existsSync(archive())).toBe(false);
  });
});
