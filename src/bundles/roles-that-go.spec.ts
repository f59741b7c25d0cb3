import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROLES = join(import.meta.dirname, '../../bundles/roles');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-go-'));
  for (const name of ['apt-get', 'systemctl']) stub(name, 'exit 0');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text, { mode });
}
const stub = (name: string, body: string) => {
  write(`bin/${name}`, `#!/bin/bash\necho "${name} $*" >>'${join(folder, 'calls')}'\n${body}\n`, 0o755);
};
const isThere = (path: string) => existsSync(join(folder, path));

/** The role's own script, with the system's folders below this test's. */
function remove(role: string): string {
  const own = (file: string) =>
    readFileSync(join(ROLES, role, file), 'utf8').replaceAll(/(?<![\w.])\/(var|etc|run)\//g, `${folder}/$1/`);
  write('script/remove.sh', own('remove.sh'));
  if (role === 'lxd') write('script/engine.sh', own('engine.sh'));
  const env = { ...process.env, PATH: `${folder}/bin:${process.env.PATH ?? ''}` };
  const { status, stderr } = spawnSync('bash', ['remove.sh'], { cwd: join(folder, 'script'), env, encoding: 'utf8' });
  expect(`${status} ${stderr}`).toBe('0 ');
  return isThere('calls') ? readFileSync(join(folder, 'calls'), 'utf8') : '';
}

describe('Docker, as its role goes', () => {
  beforeEach(() => {
    write('var/lib/muster/roles/docker/installed', '');
    write('var/lib/docker/volumes/data', 'dear');
    write('var/lib/containerd/images', 'dear');
  });

  it('stays with all that is in it where it does not answer', () => {
    stub('docker', 'exit 1');
    expect(remove('docker')).not.toContain('purge');
    expect(isThere('var/lib/docker/volumes/data')).toBe(true);
  });

  it('leaves the containerd that was there before it', () => {
    stub('docker', 'exit 0');
    expect(remove('docker')).toContain('apt-get -q purge -y docker.io');
    expect([isThere('var/lib/docker'), isThere('var/lib/containerd/images')]).toEqual([false, true]);
  });

  it('goes with all that it brought', () => {
    stub('docker', 'exit 0');
    write('var/lib/muster/roles/docker/containerd-too', '');
    remove('docker');
    expect([isThere('var/lib/docker'), isThere('var/lib/containerd')]).toEqual([false, false]);
  });
});

describe('a container called probe, as the role lxd goes', () => {
  const lxc = (image: string) =>
    stub('lxc', `case "$*" in 'config get'*) echo ${image} ;; 'image list'*) echo muster-probe,abc ;; esac`);

  it('stays where it is not of the role', () => {
    lxc('other');
    expect(remove('lxd')).not.toContain('lxc delete');
  });

  it('goes where it is', () => {
    lxc('abc');
    expect(remove('lxd')).toContain('lxc delete --force probe');
  });
});
