import { lookup as lookupHost } from 'node:dns/promises';
import { request as requestHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP } from 'node:net';
import { messageOf, MusterError } from '../../error.js';
import { chooseAddress, parseAllowedUrl, type OutgoingPolicy } from './address-policy.js';

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
const DEFAULT_IDLE_MS = 30_000;

export interface OutgoingRequest {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Without a byte for this long, at any point, the request fails. */
  idleMs?: number;
  signal?: AbortSignal;
}

/** Names to addresses; replaced in tests. */
export type Resolver = (host: string) => Promise<string[]>;

export interface OutgoingOptions extends OutgoingPolicy {
  resolve?: Resolver;
  /** Trusted beside the system's authorities' own list: PEM. */
  ca?: string;
}

/** The server did not answer as it should. */
export class HttpError extends MusterError {
  constructor(
    message: string,
    /** Null when there was no answer at all. */
    readonly status: number | null,
    options: { cause?: unknown } = {},
  ) {
    super('unavailable', message, options);
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    return this.status === null || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

/**
 * Sends a request and gives the answer with its body unread. Names are resolved once and that address is connected to;
 * every redirect is checked like the first URL. The caller must read or destroy the body.
 */
export async function openOutgoing(
  url: string,
  request: OutgoingRequest,
  options: OutgoingOptions,
): Promise<IncomingMessage> {
  let target = parseAllowedUrl(url, options);
  let current = request;
  for (let redirects = 0; ; redirects += 1) {
    const response = await connect(target, current, options);
    const location = response.headers.location;
    if (!REDIRECTS.includes(response.statusCode ?? 0) || location === undefined) return response;
    response.destroy();
    if (redirects === MAX_REDIRECTS)
      throw new HttpError(`cannot fetch ${url}: more than ${MAX_REDIRECTS} redirects`, 310);
    const next = parseAllowedUrl(location, options, target);
    if (target.protocol === 'https:' && next.protocol !== 'https:') {
      throw new MusterError('forbidden', `cannot follow ${target.href} to ${next.href}: it leaves HTTPS`);
    }
    current = redirected(current, response.statusCode ?? 0, target.origin === next.origin);
    target = next;
  }
}

/** RFC 9110, 15.4: 303 always becomes GET, 301 and 302 do for POST. Credentials stay with the origin they are for. */
function redirected(request: OutgoingRequest, status: number, sameOrigin: boolean): OutgoingRequest {
  const becomesGet = status === 303 || (status < 303 && request.method === 'POST');
  const headers = Object.entries(request.headers ?? {}).filter(
    ([name]) => sameOrigin || !['authorization', 'cookie'].includes(name.toLowerCase()),
  );
  const kept = { ...request, headers: Object.fromEntries(headers) };
  return becomesGet ? { ...kept, method: 'GET', body: undefined } : kept;
}

async function connect(url: URL, request: OutgoingRequest, options: OutgoingOptions): Promise<IncomingMessage> {
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const address = chooseAddress(hostname, await resolve(hostname, options.resolve ?? resolveWithSystem), options);
  const common: RequestOptions = {
    host: address,
    port: url.port === '' ? undefined : Number(url.port),
    path: url.pathname + url.search,
    method: request.method ?? 'GET',
    // Compressed answers would have another length and hash than what is stored.
    headers: { 'accept-encoding': 'identity', 'user-agent': 'muster', ...request.headers, host: url.host },
    // No connection is kept: the next one is resolved and checked anew.
    agent: false,
    timeout: request.idleMs ?? DEFAULT_IDLE_MS,
    signal: request.signal,
  };
  return new Promise((accept, reject) => {
    const client =
      url.protocol === 'https:'
        ? requestHttps({ ...common, servername: isIP(hostname) === 0 ? hostname : '', ca: options.ca })
        : requestHttp(common);
    client.on('timeout', () => client.destroy(new Error(`no byte for ${request.idleMs ?? DEFAULT_IDLE_MS} ms`)));
    client.on('response', accept);
    client.on('error', (error) =>
      reject(
        request.signal?.aborted === true
          ? error
          : new HttpError(`cannot fetch ${url.href}: ${messageOf(error)}`, null, { cause: error }),
      ),
    );
    client.end(request.body);
  });
}

async function resolve(hostname: string, resolver: Resolver): Promise<string[]> {
  if (isIP(hostname) !== 0) return [hostname];
  try {
    return await resolver(hostname);
  } catch (error) {
    throw new HttpError(`cannot find the address of ${hostname}: ${messageOf(error)}`, null, { cause: error });
  }
}

async function resolveWithSystem(hostname: string): Promise<string[]> {
  return (await lookupHost(hostname, { all: true })).map(({ address }) => address);
}
