import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import { hostname, networkInterfaces } from 'node:os';
import { messageOf } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/log/index.js';
import type { CertificateAuthority } from '../platform/tls/index.js';
import { close, listen, plainServer, tlsServer } from './http/bounded-server.js';
import { answerBy, type Route } from './http/exchange.js';
import { SourceLimit } from './http/source-limit.js';

export interface BootHttpOptions {
  httpPort: number;
  agentPort: number;
  requestsPerSecondPerSource: number;
  /** Listen on this address alone; without it, on all. */
  host?: string;
}

const LOOK_AT_ADDRESSES_MS = 60_000;

/** The two HTTP servers of a boot server: plain for firmware, HTTPS for agents. */
export class BootHttpService {
  private plain: Server | null = null;
  private tls: TlsServer | null = null;
  private timer: NodeJS.Timeout | null = null;
  private names = '';

  constructor(
    private readonly options: BootHttpOptions,
    private readonly routes: { plain: readonly Route[]; tls: readonly Route[] },
    private readonly authority: CertificateAuthority,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Resolves with the ports once both listen. */
  async start(): Promise<{ httpPort: number; agentPort: number }> {
    const limit = new SourceLimit(this.options.requestsPerSecondPerSource, this.clock);
    this.plain = plainServer(answerBy(this.routes.plain, this.log), limit);
    this.tls = tlsServer(await this.identity(), answerBy(this.routes.tls, this.log), limit);
    const httpPort = await listen(this.plain, this.options.httpPort, this.options.host);
    const agentPort = await listen(this.tls, this.options.agentPort, this.options.host);
    this.timer = setInterval(() => {
      this.followAddresses().catch((error: unknown) => {
        this.log.error({ reason: messageOf(error) }, 'cannot renew the certificate for agents');
      });
    }, LOOK_AT_ADDRESSES_MS);
    this.log.info({ httpPort, agentPort }, 'boot server listens');
    return { httpPort, agentPort };
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await Promise.all([this.plain, this.tls].filter((server) => server !== null).map((server) => close(server)));
  }

  /** Agents come to whichever of our addresses they booted from, so the certificate has them all. */
  private async followAddresses(): Promise<void> {
    if (addresses().join() !== this.names) this.tls?.setSecureContext(await this.identity());
  }

  private identity(): Promise<{ key: string; cert: string }> {
    const names = addresses();
    this.names = names.join();
    return this.authority.serverIdentity('agent', names);
  }
}

function addresses(): string[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  const plain = own.map((address) => address.replace(/%.*$/, '')).filter((address) => !address.startsWith('fe80:'));
  return [...new Set(['localhost', hostname(), ...plain])].sort();
}
