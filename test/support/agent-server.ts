import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../src/platform/tls/index.js';
import { orderResult, sessionRequest, type OrderKind, type OrderResult } from '../../src/machines/index.js';
import type { z } from 'zod';

/** Where a guest on QEMU's user network finds this computer's loopback. */
const HOST_SEEN_BY_GUEST = '10.0.2.2';

export interface ScriptedOrder {
  kind: OrderKind;
  parameters: Record<string, unknown>;
  timeoutSeconds?: number;
}

interface GivenOrder extends Required<ScriptedOrder> {
  id: string;
}

/**
 * The server's side of the agent protocol with the orders written down beforehand: plain HTTP for the certificate and
 * for files, HTTPS for the rest. It checks what the agent sends with the same schemas as muster, and keeps it.
 */
export class AgentServer {
  readonly nonce = 'test-nonce-0123456789';
  private readonly token = `test-token-${randomUUID()}`;
  readonly sessions: z.infer<typeof sessionRequest>[] = [];
  readonly results: OrderResult[] = [];
  readonly progress: { percent: number; message: string }[] = [];
  readonly refusals: string[] = [];
  readonly files = new Map<string, string>();
  /** Bytes after which the next download breaks off, once each. */
  readonly breakDownloadsAt: number[] = [];
  log = '';
  /** Of the orders that are done. */
  pastLog = '';
  private queue: GivenOrder[] = [];
  private waiting: ((result: OrderResult) => void)[] = [];
  private nonceUsed = false;
  private readonly sockets = new Set<Socket>();
  private http: Server | undefined;
  private https: Server | undefined;
  private ports = { http: 0, https: 0 };

  private constructor(
    private readonly dir: string,
    private readonly authority: CertificateAuthority,
  ) {}

  static async start(): Promise<AgentServer> {
    const dir = mkdtempSync(join(tmpdir(), 'muster-agent-server-'));
    const server = new AgentServer(dir, await CertificateAuthority.open(dir));
    await server.open();
    return server;
  }

  /** Ends every connection and listens no more, as a server that was killed. {@link open} comes back on the same ports. */
  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(
      [this.http, this.https].map((s) => new Promise((done) => (s === undefined ? done(0) : s.close(done)))),
    );
  }

  async open(): Promise<void> {
    const { key, cert } = await this.authority.serverIdentity('agent', [HOST_SEEN_BY_GUEST]);
    this.http = createHttpServer((request, response) => this.answerHttp(request, response));
    this.https = createHttpsServer({ key, cert }, (request, response) => void this.answerHttps(request, response));
    this.ports = {
      http: await this.listen(this.http, this.ports.http),
      https: await this.listen(this.https, this.ports.https),
    };
  }

  async stop(): Promise<void> {
    await this.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** What the boot script would put on the kernel's command line. */
  kernelArguments(changes: Partial<Record<'nonce' | 'ca', string>> = {}): string {
    return [
      `muster.boot=http://${HOST_SEEN_BY_GUEST}:${this.ports.http}`,
      `muster.agent=https://${HOST_SEEN_BY_GUEST}:${this.ports.https}`,
      `muster.ca=${changes.ca ?? this.authority.caSha256()}`,
      `muster.nonce=${changes.nonce ?? this.nonce}`,
      'muster.purpose=commission',
    ].join(' ');
  }

  /** Hands out an order and waits for its result. */
  order(order: ScriptedOrder): Promise<OrderResult> {
    this.queue.push({ id: randomUUID(), timeoutSeconds: 300, ...order });
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  urlOf(name: string): string {
    return `http://${HOST_SEEN_BY_GUEST}:${this.ports.http}/${name}`;
  }

  /** Resolves when the agent's log has this text. */
  async logged(text: string, timeoutMs = 120_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!this.log.includes(text)) {
      if (Date.now() > end) throw new Error(`the log has no "${text}":\n${this.log}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  private listen(server: Server, port: number): Promise<number> {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    return new Promise((resolve, reject) => {
      server.on('error', reject);
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
    });
  }

  private answerHttp(request: IncomingMessage, response: ServerResponse): void {
    const name = (request.url ?? '').slice(1);
    if (name === 'boot/ca.pem') return void response.end(this.authority.certificatePem);
    const path = this.files.get(name);
    if (path === undefined) return void response.writeHead(404).end();
    this.sendFile(path, request, response);
  }

  private sendFile(path: string, request: IncomingMessage, response: ServerResponse): void {
    const size = statSync(path).size;
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const breakAfter = this.breakDownloadsAt.shift();
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': size - start,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${size - 1}/${size}` } : {}),
    });
    if (breakAfter === undefined) return void createReadStream(path, { start }).pipe(response);
    const part = createReadStream(path, { start, end: start + breakAfter - 1 });
    part.on('data', (piece) => response.write(piece)).on('end', () => setTimeout(() => response.destroy(), 50));
  }

  private async answerHttps(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://x');
    const body = await readAll(request);
    const reply = (status: number, value?: unknown): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(value === undefined ? '' : JSON.stringify(value));
    if (url.pathname === '/agent/v1/session') {
      reply(...this.openSession(body));
      return;
    }
    if (request.headers.authorization !== `Bearer ${this.token}`) {
      this.refusals.push(url.pathname);
      reply(401);
      return;
    }
    if (url.pathname === '/agent/v1/order') this.giveOrder(reply);
    else reply(this.takeReport(url, body));
  }

  private openSession(body: string): [number, unknown?] {
    const session = sessionRequest.parse(JSON.parse(body));
    if (session.nonce !== this.nonce || this.nonceUsed) {
      this.refusals.push('session');
      return [401, { detail: 'nonce not known or used' }];
    }
    this.nonceUsed = true;
    this.sessions.push(session);
    return [200, { token: this.token, machine: { id: randomUUID(), name: 'm1' }, waitSeconds: 1 }];
  }

  private giveOrder(reply: (status: number, value?: unknown) => void): void {
    const [first] = this.queue;
    if (first === undefined) setTimeout(() => reply(204), 300);
    else reply(200, first);
  }

  private takeReport(url: URL, body: string): number {
    const [, id, what] = /^\/agent\/v1\/orders\/([^/]+)\/(log|progress|result)$/.exec(url.pathname) ?? [];
    const current = this.queue[0];
    if (current?.id !== id) return 204;
    if (what === 'progress') this.progress.push(JSON.parse(body) as { percent: number; message: string });
    if (what === 'log') this.log = this.log.slice(0, Number(url.searchParams.get('offset'))) + body;
    if (what === 'result') {
      const result = orderResult.parse(JSON.parse(body));
      this.results.push(result);
      this.queue.shift();
      this.waiting.shift()?.(result);
      this.pastLog += this.log;
      this.log = '';
    }
    return 204;
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

export function sha256Of(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
