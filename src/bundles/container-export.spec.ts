import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROLE = join(import.meta.dirname, '../../bundles/roles/lxd');
/** A stopped container whose address a move has kept: the file `address` is its own device. */
const LXC = `case "$*" in
'config get'*) echo d ;;
'list '*) echo STOPPED ;;
'query '*) echo '{"last_used_at": "2026-01-01T00:00:00Z"}' ;;
'config device get'*) cat address ;;
'config device remove'*) rm address ;;
'config device override'*) echo "\${6#*=}" >address ;;
'export '*) [ -e breaks ] && exit 1; [ ! -e address ] && echo packed >"$4" ;;
*) echo "lxc $*: what is that?" >&2; exit 2 ;;
esac`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-export-'));
  mkdirSync(join(folder, 'bin'));
  for (const file of ['container-export.sh', 'engine.sh'])
    writeFileSync(join(folder, file), readFileSync(join(ROLE, file), 'utf8').replaceAll('/var/lib/muster', folder));
  writeFileSync(join(folder, 'bin/lxc'), `#!/bin/bash\ncd '${folder}'\n${LXC}\n`, { mode: 0o755 });
  writeFileSync(join(folder, 'bin/muster-publish'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(folder, 'address'), '10.0.0.9\n');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  { breaks: false, status: 0 },
  { breaks: true, status: 1 },
])('a container is packed without its address, and keeps it: breaks $breaks', ({ breaks, status }) => {
  if (breaks) writeFileSync(join(folder, 'breaks'), '');
  const PATH = `${folder}/bin:${process.env.PATH ?? ''}`;
  const env = { PATH, NAME: 'c', DEPLOYMENT: 'd', OPT_ENGINE: 'deb' };
  const ended = spawnSync('bash', ['container-export.sh'], { cwd: folder, env, encoding: 'utf8', timeout: 20_000 });
  expect(`${ended.status} ${ended.stderr}`).toBe(`${status} `);
  expect(existsSync(join(folder, 'moving/c.out'))).toBe(!breaks);
  expect(readFileSync(join(folder, 'address'), 'utf8')).toBe('10.0.0.9\n');
});
