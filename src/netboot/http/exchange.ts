import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf, MusterError, type ErrorKind } from '../../error.js';
import type { Logger } from '../../platform/log/index.js';
import { TooBusy } from './turnstile.js';

/** One request and its answer, with what the routes need of them. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Named parts of the path. */
  path: Record<string, string>;
  query: URLSearchParams;
  /** The client's address, without the prefix of IPv4-mapped IPv6. */
  client: string;
  /** Our address that it came to. */
  server: string;
  isHead: boolean;
}

export interface Route {
  methods: readonly string[];
  /** Matches the whole path; its named groups are the path's parts. Written so that nothing else gets through. */
  pattern: RegExp;
  run(exchange: Exchange): Promise<void>;
}

const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  unavailable: 503,
  internal: 500,
};

/** Answers by the first route that matches. Whatever is thrown becomes an answer; it never ends the process. */
export function answerBy(routes: readonly Route[], log: Logger) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    answer(routes, request, response).catch((error: unknown) => {
      if (error instanceof TooBusy) {
        putOff(response, error);
        return;
      }
      const status = error instanceof MusterError ? STATUS[error.kind] : 500;
      if (status >= 500) log.error({ reason: messageOf(error), url: withoutSecrets(request.url) }, 'cannot answer');
      fail(response, status, status === 500 ? 'internal error' : messageOf(error));
    });
  };
}

async function answer(routes: readonly Route[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  // A broken connection is the client's affair; without a listener it would end the process.
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  const [pathname = '', search = ''] = (request.url ?? '').split('?', 2);
  const decoded = decodePath(pathname);
  const matching = decoded === null ? [] : routes.flatMap((route) => matchOf(route, decoded));
  const method = request.method ?? 'GET';
  const found = matching.find(({ route }) => route.methods.includes(method));
  if (found === undefined) {
    const isKnown = matching.length > 0;
    fail(response, isKnown ? 405 : 404, isKnown ? `cannot ${method} this` : 'not found');
    return;
  }
  await found.route.run({
    request,
    response,
    path: found.path,
    query: new URLSearchParams(search),
    client: addressOf(request.socket.remoteAddress),
    server: addressOf(request.socket.localAddress),
    isHead: method === 'HEAD',
  });
}

function matchOf(route: Route, path: string): { route: Route; path: Record<string, string> }[] {
  const match = route.pattern.exec(path);
  return match === null ? [] : [{ route, path: { ...match.groups } }];
}

/** Null for what is not well-formed. iPXE and GRUB percent-encode the colons of a MAC. */
function decodePath(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

export function addressOf(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:/i, '').replace(/%.*$/, '');
}

export function sendText(exchange: Exchange, text: string, contentType = 'text/plain; charset=utf-8'): void {
  const body = Buffer.from(text);
  exchange.response.writeHead(200, {
    'content-type': contentType,
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  exchange.response.end(exchange.isHead ? undefined : body);
}

export function sendJson(exchange: Exchange, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  exchange.response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  exchange.response.end(body);
}

export function sendNothing(exchange: Exchange, status: 204 | 410): void {
  exchange.response.writeHead(status).end();
}

/** A body that was not read is not waited for: the connection is closed after the answer. */
export function fail(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(`${message}\n`);
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': body.length,
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** To be asked again; the connection is not kept meanwhile. */
function putOff(response: ServerResponse, busy: TooBusy): void {
  if (!response.headersSent) {
    response.setHeader('retry-after', busy.retryAfterSeconds);
    response.setHeader('connection', 'close');
  }
  fail(response, 503, busy.message);
}

function withoutSecrets(url: string | undefined): string {
  return (url ?? '').replace(/[A-Za-z0-9_-]{43}/g, '[masked]').slice(0, 200);
}

/** The whole body. Throws `invalid` as soon as it is longer than that. */
export async function readBody(request: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > mostBytes) throw new MusterError('invalid', `cannot take a body of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
