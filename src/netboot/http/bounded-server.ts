import { createServer as createPlainServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { addressOf, fail } from './exchange.js';
import type { SourceLimit } from './source-limit.js';

/** Bounds on what a client may take of us. Milliseconds. */
const LIMITS = {
  headersTimeout: 10_000,
  /** How often the two above and below are looked at: Node's own half a minute would make forty seconds of ten. */
  connectionsCheckingInterval: 2000,
  /** Of TLS; Node's own is two minutes. */
  handshakeTimeout: 10_000,
  /** For the whole request to arrive; answers may take longer. */
  requestTimeout: 60_000,
  keepAliveTimeout: 15_000,
  /** A socket on which nothing moves: longer than an agent's question is held. */
  idle: 120_000,
  maxConnections: 8192,
  maxHeaderSize: 16 * 1024,
};

function bound<Kind extends Server>(server: Kind): Kind {
  server.headersTimeout = LIMITS.headersTimeout;
  server.requestTimeout = LIMITS.requestTimeout;
  server.keepAliveTimeout = LIMITS.keepAliveTimeout;
  server.timeout = LIMITS.idle;
  server.maxConnections = LIMITS.maxConnections;
  server.maxHeadersCount = 100;
  return server;
}

function limited(listener: RequestListener, limit: SourceLimit): RequestListener {
  return (request, response) => {
    if (limit.allows(addressOf(request.socket.remoteAddress))) {
      listener(request, response);
      return;
    }
    response.setHeader('retry-after', '1');
    fail(response, 429, 'too many requests');
  };
}

export function plainServer(listener: RequestListener, limit: SourceLimit): Server {
  const { maxHeaderSize, connectionsCheckingInterval } = LIMITS;
  return bound(createPlainServer({ maxHeaderSize, connectionsCheckingInterval }, limited(listener, limit)));
}

export function tlsServer(
  identity: { key: string; cert: string },
  listener: RequestListener,
  limit: SourceLimit,
): TlsServer {
  const { key, cert } = identity;
  const { maxHeaderSize, connectionsCheckingInterval, handshakeTimeout } = LIMITS;
  const limits = { maxHeaderSize, connectionsCheckingInterval, handshakeTimeout };
  return bound(createTlsServer({ key, cert, minVersion: 'TLSv1.2', ...limits }, limited(listener, limit)));
}

/** Resolves with the port once it listens, on all addresses; rejects where the port is taken. */
export function listen(server: Server, port: number, host?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Ends it, also the connections that are in the middle of something. */
export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
