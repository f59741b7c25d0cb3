import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { X509Certificate } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf, MusterError } from '../../error.js';

/** Where an LXD (or Incus) answers: on its unix socket, or over HTTPS with a client certificate. */
export type LxdEndpoint =
  | { socketPath: string }
  | {
      /** `https://host:8443`. */
      url: string;
      /** PEM: ours. */
      certificate: string;
      key: string;
      /** PEM: the server's own. No other certificate is taken, whoever signed it. */
      serverCertificate: string;
    };

export interface LxdRequest {
  method: string;
  path: string;
  headers?: Record<string, string | number>;
  body?: Buffer | Readable;
  signal?: AbortSignal;
  timeoutMs?: number;
}

export interface LxdResponse {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

const ANSWER_TIMEOUT_MS = 120_000;
/** Answers are JSON, or small files of containers. */
const ANSWER_CAP_BYTES = 64 * 1024 * 1024;

/** One request and its answer. Throws `unavailable` where there is no answer. */
export async function exchange(endpoint: LxdEndpoint, asked: LxdRequest): Promise<LxdResponse> {
  try {
    const { response, sent } = await send(endpoint, asked);
    const body = await readAll(response);
    await sent;
    return { status: response.statusCode ?? 0, headers: response.headers, body };
  } catch (error) {
    if (asked.signal?.aborted === true || error instanceof MusterError) throw error;
    throw new MusterError('unavailable', `cannot reach LXD at ${placeOf(endpoint)}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

export function placeOf(endpoint: LxdEndpoint): string {
  return 'url' in endpoint ? endpoint.url : endpoint.socketPath;
}

function send(
  endpoint: LxdEndpoint,
  { method, path, headers, body, signal, timeoutMs = ANSWER_TIMEOUT_MS }: LxdRequest,
): Promise<{ response: IncomingMessage; sent: Promise<unknown> }> {
  const options: RequestOptions = { method, path, headers, signal, timeout: timeoutMs, agent: false };
  return new Promise((resolve, reject) => {
    const request =
      'url' in endpoint
        ? httpsRequest(endpoint.url, { ...options, ...identityOf(endpoint) })
        : httpRequest({ ...options, socketPath: endpoint.socketPath });
    let sent: Promise<unknown> = Promise.resolve();
    request.once('response', (response) => resolve({ response, sent }));
    request.once('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.once('error', reject);
    if (body instanceof Readable) {
      // A refusal may come before all was sent; then the answer counts, not the broken pipe.
      sent = pipeline(body, request).catch(() => undefined);
    } else request.end(body);
  });
}

/** LXD signs its certificate itself, for whatever names: it is known by its bytes alone. */
function identityOf(endpoint: Extract<LxdEndpoint, { url: string }>) {
  const pinned = new X509Certificate(endpoint.serverCertificate).raw;
  return {
    cert: endpoint.certificate,
    key: endpoint.key,
    ca: endpoint.serverCertificate,
    checkServerIdentity: (_: string, shown: { raw: Buffer }) =>
      shown.raw.equals(pinned) ? undefined : new Error('it shows another certificate than the pinned one'),
  };
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response) {
    bytes += (part as Buffer).length;
    if (bytes > ANSWER_CAP_BYTES) throw new MusterError('internal', 'cannot take an answer of LXD: it is too long');
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}
