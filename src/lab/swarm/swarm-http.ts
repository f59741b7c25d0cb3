import { X509Certificate } from 'node:crypto';
import { type IncomingMessage, request as plainRequest, type RequestOptions } from 'node:http';
import { Agent, request as tlsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, MusterError } from '../../error.js';

const ANSWER_MS = 60_000;
/** Boot programs give up soon. */
const TRIES = 6;
/** The agent never gives up; a swarm has to end. */
const PATIENCE_MS = 300_000;
/** The agent's pauses between tries, seconds (`tftp/agent/lib/network.sh`); the last is repeated. */
const PAUSES = [1, 2, 4, 8, 15];

export interface HttpAnswer {
  status: number;
  body: string;
  /** Seconds, where the server said. */
  retryAfter: number | null;
}

/** HTTP as one machine speaks it, from its own address. Asks again after pauses, as boot programs and agents do. */
export class MachineHttp {
  private readonly connections = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly address: string,
    private readonly onRetry: () => void,
  ) {}

  /** A connection of its own, as boot programs have it. */
  get(url: string): Promise<HttpAnswer> {
    const attempt = () => send(url, { agent: false, localAddress: this.address, method: 'GET' }, null);
    return this.insist(url, attempt, (tries) => tries < TRIES);
  }

  /** HTTPS with muster's own authority; one connection is kept throughout. */
  callAgent(
    url: string,
    authority: Authority,
    call: { method: 'GET' | 'POST'; token: string | null; body?: unknown },
  ): Promise<HttpAnswer> {
    const body = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body));
    const headers = {
      ...(call.token === null ? {} : { authorization: `Bearer ${call.token}` }),
      ...(body === null ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
    };
    const { secureContext } = authority;
    const options = {
      agent: this.connections,
      localAddress: this.address,
      method: call.method,
      headers,
      secureContext,
    };
    const until = performance.now() + PATIENCE_MS;
    return this.insist(
      url,
      () => send(url, options, body),
      () => performance.now() < until,
    );
  }

  close(): void {
    this.connections.destroy();
  }

  private async insist(
    url: string,
    attempt: () => Promise<HttpAnswer>,
    isPatient: (tries: number) => boolean,
  ): Promise<HttpAnswer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await attempt().catch((error: unknown) => messageOf(error));
      if (typeof answer !== 'string' && answer.status < 500 && answer.status !== 429) return answer;
      const why = typeof answer === 'string' ? answer : `status ${answer.status}`;
      if (!isPatient(tries))
        throw new MusterError('unavailable', `${new URL(url).pathname.split('/', 4).join('/')}: ${why}`);
      this.onRetry();
      const told = typeof answer === 'string' ? null : answer.retryAfter;
      await sleep((told ?? PAUSES[tries - 1] ?? 15) * 1000);
    }
  }
}

/** muster's certificate authority, as a boot script's hash names it. */
export interface Authority {
  secureContext: SecureContext;
}

const known = new Map<string, Authority>();

/** Throws (`invalid`) where the certificate is not the one of the hash. Machines share what is read of it. */
export function authorityOf(pem: string, sha256: string): Authority {
  const key = `${sha256} ${pem}`;
  const before = known.get(key);
  if (before !== undefined) return before;
  const found = new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  if (found !== sha256) throw new MusterError('invalid', `the authority is ${found}, the boot script says ${sha256}`);
  const authority = { secureContext: createSecureContext({ ca: pem }) };
  known.set(key, authority);
  return authority;
}

function send(
  url: string,
  options: RequestOptions & { secureContext?: SecureContext },
  body: Buffer | null,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const start = url.startsWith('https:') ? tlsRequest : plainRequest;
    const request = start(url, { ...options, timeout: ANSWER_MS }, (response) => {
      const told = Number(response.headers['retry-after'] ?? NaN);
      const retryAfter = Number.isInteger(told) ? told : null;
      readAll(response).then((body) => resolve({ status: response.statusCode ?? 0, body, retryAfter }), reject);
    });
    request.on('timeout', () => request.destroy(new Error(`no answer in ${ANSWER_MS / 1000} s`)));
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
