import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LxdServer } from './lxd-server.js';

const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');

/** A computer where muster never ran, by the real program: a data folder and an LXD of its own. */
export class OwnComputer {
  readonly lxd = LxdServer.start();
  // Postgres, which is another user, must reach it.
  readonly dataDir = mkdtempSync('/var/tmp/mlocal-');
  private readonly parts: { project: string; bridge: string; pool: string };
  environment: NodeJS.ProcessEnv = {};

  private constructor(private readonly network: { bridge: string; address: string }) {
    this.parts = { project: 'muster', bridge: network.bridge, pool: 'muster' };
  }

  static async start(network: { bridge: string; address: string }): Promise<OwnComputer> {
    const computer = new OwnComputer(network);
    computer.environment = {
      ...process.env,
      HOME: computer.dataDir,
      MUSTER_DATA_DIR: computer.dataDir,
      MUSTER_API_PORT: String(await freePort()),
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_IMAGES_CACHE_DIR: '/var/cache/muster-test/images',
      MUSTER_LOCALHOST_SOCKET: computer.lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: network.bridge,
      MUSTER_LOCALHOST_ADDRESS: network.address,
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
    };
    return computer;
  }

  /** Gives what it prints; throws where it does not end well. */
  async muster(...argv: string[]): Promise<string> {
    const options = { env: this.environment, timeout: 540_000 };
    const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...argv], options);
    return stdout;
  }

  /** Containers that there are, with these columns of `lxc list`. */
  containers(columns = 'n'): string {
    return this.lxd.lxc('list', '--project', this.parts.project, '-c', columns, '-f', 'csv').trim();
  }

  /** Of the server in the background. */
  get log(): string {
    return readFileSync(join(this.dataDir, 'serve.log'), 'utf8');
  }

  async stop(): Promise<void> {
    await this.muster('serve', '--stop').catch(() => '');
    await this.lxd.stop(this.parts);
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** A port that is free now. */
function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
