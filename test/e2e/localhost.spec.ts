import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';

const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');
const LXD = { project: 'muster', bridge: 'mlocal0', pool: 'muster' };

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

describe.skipIf(isLxdMissing)('a computer where muster never ran', () => {
  let lxd: LxdServer;
  let dataDir: string;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    lxd = LxdServer.start();
    // Postgres, which is another user, must reach it.
    dataDir = mkdtempSync('/var/tmp/mlocal-');
    environment = {
      ...process.env,
      HOME: dataDir,
      MUSTER_DATA_DIR: dataDir,
      MUSTER_API_PORT: String(await freePort()),
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_IMAGES_CACHE_DIR: '/var/cache/muster-test/images',
      MUSTER_LOCALHOST_SOCKET: lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: LXD.bridge,
      MUSTER_LOCALHOST_ADDRESS: '10.179.14.1/24',
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
    };
  });
  afterAll(async () => {
    await muster('serve', '--stop').catch(() => '');
    await lxd.stop(LXD);
    rmSync(dataDir, { recursive: true, force: true });
  });

  async function muster(...argv: string[]): Promise<string> {
    const options = { env: environment, timeout: 540_000 };
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...argv], options);
    return stdout;
  }
  const log = () => readFileSync(join(dataDir, 'serve.log'), 'utf8');

  it('has a node after one command, with a server, an image and LXD made ready on the way', async () => {
    expect(await muster('up', 'ubuntu', '--on', 'localhost', '--base', 'debian@12', '--yes')).toContain('ubuntu is up');
    expect(lxd.lxc('list', '--project', LXD.project, '-c', 'ns', '-f', 'csv').trim()).toBe('ubuntu-ubuntu-0,RUNNING');
    // The server is not root, and has no part in anybody's network.
    expect(log()).not.toContain('everything runs as root');
    expect(log()).not.toContain('"boot"');
  });

  it('shows the node and takes us to it', async () => {
    expect(await muster('status', 'ubuntu')).toContain('ubuntu-ubuntu-0');
    expect(await muster('exec', 'ubuntu:ubuntu/0', '--', 'cat', '/etc/os-release')).toContain('bookworm');
  });

  it('does nothing the second time', async () => {
    const before = lxd.lxc('query', '/1.0/instances/ubuntu-ubuntu-0?project=muster');
    await muster('up', 'ubuntu', '--on', 'localhost', '--base', 'debian@12', '--yes');
    expect(JSON.parse(lxd.lxc('query', '/1.0/instances/ubuntu-ubuntu-0?project=muster'))).toMatchObject({
      created_at: (JSON.parse(before) as { created_at: string }).created_at,
    });
  });

  it('has nothing left of it after `down`, and no process after `serve --stop`', async () => {
    await muster('down', 'ubuntu', '--yes');
    expect(lxd.lxc('list', '--project', LXD.project, '-c', 'n', '-f', 'csv').trim()).toBe('');
    const pid = Number(readFileSync(join(dataDir, 'serve.pid'), 'utf8'));
    expect(await muster('serve', '--stop')).toContain('has ended');
    // Nothing, or what its parent has not looked at yet.
    expect(commandOf(pid)).toBe('');
    await expect(muster('status')).rejects.toThrow(/cannot reach/);
  });
});
