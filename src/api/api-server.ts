import { chmod, writeFile } from 'node:fs/promises';
import { type Server as HttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { ensureFirstToken, TokensService } from '../access/index.js';
import { messageOf, MusterError } from '../error.js';
import type { Settings } from '../platform/config/index.js';
import { AUTHORITY, SETTINGS } from '../platform/index.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import type { CertificateAuthority } from '../platform/tls/index.js';

/** Limits of one server: they bound what a client that sends slowly, or a lot, can hold. */
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  /** How often time-outs are looked at: Node's own half a minute would make forty seconds of ten. */
  connectionsCheckingInterval: 2000,
  /** Of TLS; Node's own is two minutes. */
  handshakeTimeout: 10_000,
  /** For the whole request with its body; an event stream's answer is not bounded by it. */
  requestTimeout: 120_000,
  keepAliveTimeout: 30_000,
  idleTimeout: 120_000,
  maxConnections: 2000,
  maxRequestsPerSocket: 10_000,
};

/** The API's own HTTPS socket; bound when everything else is ready, closed before anything else stops. */
@Injectable()
export class ApiServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private server: HttpServer | null = null;
  private readonly stopping = new AbortController();

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(LOGGER) private readonly log: Logger,
    @Inject(AUTHORITY) private readonly authority: CertificateAuthority,
    @Inject(HttpAdapterHost) private readonly adapterHost: HttpAdapterHost,
    @Inject(TokensService) private readonly tokens: TokensService,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  /** Aborts when the server stops: event streams end then. */
  get stopSignal(): AbortSignal {
    return this.stopping.signal;
  }

  /** Where it listens; 0 in the settings lets the system choose the port. */
  get port(): number {
    const address = this.server?.address() as AddressInfo | null | undefined;
    if (address == null) throw new MusterError('internal', 'cannot tell the port of the API: it does not listen');
    return address.port;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { dataDir } = this.settings;
    await ensureFirstToken({
      dataSource: this.dataSource,
      tokens: this.tokens,
      dataDir,
      print: (text) => process.stdout.write(`${text}\n`),
    });
    await this.publishAuthority(join(dataDir, 'ca.pem'));
    const { key, cert } = await this.identity();
    const { idleTimeout, maxConnections, maxRequestsPerSocket, ...limits } = LIMITS;
    const handler = this.adapterHost.httpAdapter.getInstance<Parameters<typeof createServer>[1]>();
    const server = createServer({ key, cert, minVersion: 'TLSv1.2', ...limits }, handler);
    server.setTimeout(idleTimeout);
    server.maxConnections = maxConnections;
    server.maxRequestsPerSocket = maxRequestsPerSocket;
    this.server = server;
    await this.listen(server);
    this.log.info({ host: this.settings.api.host, port: this.port }, 'the API listens');
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    const { server } = this;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    const hurry = setTimeout(() => {
      server.closeAllConnections();
    }, 5000);
    server.closeIdleConnections();
    await closed;
    clearTimeout(hurry);
  }

  /** For the CLI of other users of this computer; the key stays in `tls/`. */
  private async publishAuthority(path: string): Promise<void> {
    await writeFile(path, this.authority.certificatePem);
    await chmod(path, 0o644);
  }

  private async identity(): Promise<{ key: string; cert: string }> {
    const { certificateFile, keyFile } = this.settings.api;
    if (certificateFile === undefined && keyFile === undefined) {
      return this.authority.serverIdentity('api', ownNames());
    }
    if (certificateFile === undefined || keyFile === undefined) {
      throw new MusterError('invalid', 'cannot serve HTTPS: api.certificateFile and api.keyFile go together');
    }
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certificateFile, 'utf8') };
  }

  private async listen(server: HttpServer): Promise<void> {
    const { host, port } = this.settings.api;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => {
        server.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      throw new MusterError('unavailable', `cannot listen on ${host}:${port}: ${messageOf(error)}`, {
        hint: 'set MUSTER_API_PORT, or stop what uses the port (ss -ltnp)',
        cause: error,
      });
    });
  }
}

/** Every name and address under which this computer can be reached. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address));
  const usable = addresses.filter((address) => !address.startsWith('fe80:'));
  return [...new Set(['localhost', '127.0.0.1', '::1', hostname(), ...usable])];
}
