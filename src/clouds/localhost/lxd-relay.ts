import { chmodSync, chownSync, existsSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { SOCKETS } from './host.js';

/** Where the server finds LXD when it may not open LXD's own socket. */
export const relayPath = (dataDir: string) => join(dataDir, 'lxd.socket');

/**
 * The supervisor's door to LXD for its unprivileged server: a socket that this account alone may open. LXD lets nobody
 * but root and its group in; whoever may talk to it can become root here, which is why a setting has to allow it.
 */
export class LxdRelay {
  private constructor(
    private readonly server: Server,
    private readonly path: string,
  ) {}

  static async open(dataDir: string, account: { uid: number; gid: number }, socket?: string): Promise<LxdRelay> {
    const path = relayPath(dataDir);
    rmSync(path, { force: true });
    const server = createServer({ allowHalfOpen: true }, (client) => {
      // LXD may be installed after this: look at every connection.
      const target = [socket, ...SOCKETS].find((each) => each !== undefined && existsSync(each));
      if (target === undefined) {
        client.destroy();
        return;
      }
      const lxd = connect({ path: target, allowHalfOpen: true });
      pipeline(client, lxd, () => undefined);
      pipeline(lxd, client, () => undefined);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chownSync(path, account.uid, account.gid);
    chmodSync(path, 0o600);
    return new LxdRelay(server, path);
  }

  close(): void {
    this.server.close();
    rmSync(this.path, { force: true });
  }
}
