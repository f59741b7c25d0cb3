import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { generateSshKey } from '../../src/platform/remote/index.js';
import { ApiApp } from './api-app.js';
import type { Datastores } from './datastores.js';
import { PrivateSshd } from './private-sshd.js';

/** A whole server whose cloud `rack` is hosts with a real OpenSSH server each, and a folder for bundles. */
export class SshCloud {
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-ssh-cloud-'));

  private constructor(
    readonly api: ApiApp,
    readonly servers: readonly PrivateSshd[],
  ) {}

  static async start(stores: Datastores, hosts: number, environment?: NodeJS.ProcessEnv): Promise<SshCloud> {
    const key = generateSshKey('operator');
    const api = await ApiApp.start(stores, [], undefined, 'api,worker,scheduler', environment);
    const servers: PrivateSshd[] = [];
    for (let n = 0; n < hosts; n += 1) servers.push(await PrivateSshd.start(key.publicKey));
    const cloud = new SshCloud(api, servers);
    const places = servers.flatMap(({ port, hostKey }) => ['--host', `root@127.0.0.1:${port}`, '--host-key', hostKey]);
    const keyFile = servers[0]!.keep('client-key', key.privateKey);
    await cloud.good('clouds', 'add', 'rack', '--type', 'ssh', ...places, '--key', `@${keyFile}`);
    await cloud.good('clouds', 'check', 'rack');
    return cloud;
  }

  /** A command that ends well; gives what it prints. */
  async good(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.api.cli(argv);
    if (code !== 0) throw new Error(`muster ${argv.join(' ')}: exit code ${code}\n${stderr}`);
    return stdout;
  }

  /** A file of the folder; gives its path. */
  write(path: string, text: string): string {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  async stop(): Promise<void> {
    await this.api.stop();
    await Promise.all(this.servers.map((server) => server.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
