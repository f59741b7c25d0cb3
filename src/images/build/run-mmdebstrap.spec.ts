import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runMmdebstrap } from './run-mmdebstrap.js';

const path = process.env.PATH ?? '';
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'muster-mmdebstrap-'));
});
afterEach(() => {
  process.env.PATH = path;
  rmSync(dir, { recursive: true, force: true });
});

/** In the place of mmdebstrap, which takes a minute to where it mounts something. */
function standIn(script: string): void {
  writeFileSync(join(dir, 'mmdebstrap'), `#!/bin/sh\nset -e\n${script}\n`);
  chmodSync(join(dir, 'mmdebstrap'), 0o755);
  process.env.PATH = `${dir}:${path}`;
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; waited < 200 && !isSo(); waited += 1) await new Promise((done) => setTimeout(done, 50));
  expect(isSo()).toBe(true);
}

/** Processes that have this text in their arguments. */
function running(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false; // it ended meanwhile
    }
  });
}

it('works below the folder that it is given, and gives what it is told', async () => {
  standIn(`echo "$TMPDIR $*" > "${dir}/said"; : > "$TMPDIR/left"`);
  await runMmdebstrap(['--include=a b', 'bookworm'], dir, {});
  expect(readFileSync(join(dir, 'said'), 'utf8')).toBe(`${dir}/mmdebstrap.d --include=a b bookworm\n`);
  expect(readdirSync(dir).sort()).toEqual(['mmdebstrap', 'said']);
});

it.runIf(process.getuid?.() === 0)(
  'that is stopped leaves no mount and no process, those of other sessions neither',
  async () => {
    const mark = `87${process.pid}`;
    standIn(`mount -t tmpfs none "$TMPDIR"\nsetsid sleep ${mark} &\n: > "${dir}/mounted"\nwait`);
    const stop = new AbortController();
    const run = runMmdebstrap([], dir, { signal: stop.signal });
    await until(() => existsSync(join(dir, 'mounted')) && running(`sleep\0${mark}`).length > 0);
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(dir);
    stop.abort();
    await expect(run).rejects.toThrow();
    await until(() => running(mark).length === 0);
  },
);
