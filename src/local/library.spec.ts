import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../cli/index.js';
import { answerFromLibrary } from './library.js';

/** Nothing listens there: the port of tcpmux, reserved. */
const NOBODY = { MUSTER_API_PORT: '1', HOME: '/nonexistent', MUSTER_DATA_DIR: '/nonexistent' };

describe('without a server', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'muster-library-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function muster(argv: string[], environment: Record<string, string> = NOBODY) {
    const out = { stdout: '', stderr: '' };
    const code = await run(argv, {
      stdout: { write: (text) => (out.stdout += text) },
      stderr: { write: (text) => (out.stderr += text) },
      stdin: Readable.from([]),
      ...{ isTty: false, canAsk: false, environment, answerFromLibrary },
      signal: new AbortController().signal,
    });
    return { code, ...out };
  }

  it('bundles and roles are told from what comes with the program, and it says so', async () => {
    const list = await muster(['bundles', 'list']);
    expect(list).toMatchObject({ code: 0, stderr: expect.stringContaining('no server answers') as string });
    expect(list.stdout).toContain('kubernetes-core');
    expect((await muster(['bundles', 'show', 'hello'])).stdout).toContain('name: hello');
    expect((await muster(['bundles', 'graph', 'lxd-fan'])).stdout).toMatch(/^flowchart LR\n/);
    expect((await muster(['roles', 'list'])).stdout).toContain('kubernetes-worker');
    expect((await muster(['roles', 'show', 'etcd'])).stdout).toContain('bases: ');
    expect(await muster(['bundles', 'show', 'helo'])).toMatchObject({ code: 3, stdout: '' });
  });

  it('what follows the target of `ssh` and `exec` is for the node, and no option of ours', async () => {
    for (const argv of [
      ['exec', 'n1', 'df', '-h'],
      ['ssh', 'n1', 'df', '--help'],
      ['ssh', 'n1', '--', '-v'],
      ['--json', 'exec', 'n1', 'ls'],
    ])
      expect(await muster(argv)).toMatchObject({ code: 5, stdout: '' });
    expect(await muster(['ssh', '--help'])).toMatchObject({ code: 0 });
  });

  it('a bundle is checked: editors and CI need no server', async () => {
    const path = join(folder, 'bad.yaml');
    writeFileSync(path, 'applications:\n  a: {role: ubunto}\n');
    const bad = await muster(['bundles', 'check', path, '--format', 'json']);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({
      ok: false,
      diagnostics: [{ file: 'bad.yaml', line: 2, column: 13 }],
    });
    expect(await muster(['bundles', 'check', 'kubernetes-core'])).toMatchObject({ code: 0 });
  });

  it('a server that was named is asked, and nothing stands in for it', async () => {
    const named = { ...NOBODY, MUSTER_API_URL: 'https://localhost:1' };
    const asked = await muster(['bundles', 'list'], named);
    expect(asked).toMatchObject({ code: 5, stdout: '' });
    expect(asked.stderr).toContain('cannot reach the API');
  });

  it('what only a server knows is not made up', async () => {
    expect(await muster(['clouds', 'list'])).toMatchObject({ code: 5, stdout: '' });
  });
});
