import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CutOffNetwork } from './cut-off-network.js';
import { eventually } from './pipeline-engine.js';
import { LxdServer } from './lxd-server.js';

const PROGRAM = join(import.meta.dirname, '../../dist/src/cli.js');

export interface OwnComputerOptions {
  bridge: string;
  address: string;
  /** Where it stands; default: in this computer's own network. */
  inside?: CutOffNetwork;
  /** More settings, or others. */
  settings?: NodeJS.ProcessEnv;
  /** How long a command may take; default: nine minutes. */
  timeoutMs?: number;
}

/** A computer where muster never ran, by the real program: a data folder and an LXD of its own. */
export class OwnComputer {
  readonly lxd: LxdServer;
  // Postgres, which is another user, must reach it.
  readonly dataDir = mkdtempSync('/var/tmp/mlocal-');
  private readonly parts: { project: string; bridge: string; pool: string };
  environment: NodeJS.ProcessEnv = {};

  private constructor(private readonly options: OwnComputerOptions) {
    this.parts = { project: 'muster', bridge: options.bridge, pool: 'muster' };
    this.lxd = LxdServer.start(this.inside);
    chmodSync(this.dataDir, 0o755);
  }

  private get inside(): readonly string[] {
    return this.options.inside?.enter ?? [];
  }

  static async start(options: OwnComputerOptions): Promise<OwnComputer> {
    const computer = new OwnComputer(options);
    computer.environment = {
      ...process.env,
      HOME: computer.dataDir,
      MUSTER_DATA_DIR: computer.dataDir,
      MUSTER_API_PORT: String(await freePort()),
      MUSTER_API_HOST: '127.0.0.1',
      MUSTER_IMAGES_CACHE_DIR: '/var/cache/muster-test/images',
      MUSTER_LOCALHOST_SOCKET: computer.lxd.socket,
      MUSTER_LOCALHOST_BRIDGE: options.bridge,
      MUSTER_LOCALHOST_ADDRESS: options.address,
      MUSTER_API_URL: undefined,
      MUSTER_TOKEN: undefined,
      DATABASE_URL: undefined,
      REDIS_URL: undefined,
      ...options.settings,
    };
    return computer;
  }

  /** Starts the server, and waits until it answers. */
  async serve(): Promise<void> {
    await this.muster('serve', '--background', '--localhost');
    const answers = () =>
      this.muster('status').then(
        () => true,
        () => false,
      );
    await eventually('the server answers', answers, 120_000);
  }

  /** Gives what it prints; throws where it does not end well. */
  async muster(...argv: string[]): Promise<string> {
    const { timeoutMs: timeout = 540_000 } = this.options;
    const [program = '', ...args] = [...this.inside, process.execPath, PROGRAM, ...argv];
    const options = { env: this.environment, timeout, maxBuffer: 1 << 26 };
    return (await promisify(execFile)(program, args, options)).stdout;
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
