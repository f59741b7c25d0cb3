import { type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import {
  problem,
  type BodyInputOf,
  type ParametersOf,
  type QueryInputOf,
  type ResponseOf,
  type Route,
} from '../api/contract/index.js';
import type { ClientSettings } from './client-settings.js';
import { CliError, codeOfKind, EXIT } from './exit-code.js';
import { pause } from './pause.js';
import { readEvents, type ServerSentEvent } from './sse.js';

const ANSWER_TIMEOUT_MS = 90_000;
const RECONNECT_MS = [200, 500, 1000, 2000, 5000];

type Part<Name extends string, Value> = [Value] extends [undefined]
  ? { [N in Name]?: undefined }
  : { [N in Name]: Value };
type Optional<Name extends string, Value> = [Value] extends [undefined]
  ? { [N in Name]?: undefined }
  : { [N in Name]?: Value };
/** What a call needs: parameters of the path, the query, the body. */
export type CallInput<R extends Route> = ([keyof ParametersOf<R>] extends [never]
  ? { params?: undefined }
  : { params: ParametersOf<R> }) &
  Optional<'query', QueryInputOf<R>> &
  (R['consumes'] extends string ? { bytes: Buffer } : Part<'body', BodyInputOf<R>>);

interface AnyInput {
  params?: Record<string, string>;
  query?: object;
  body?: unknown;
  bytes?: Buffer;
}

/** Talks to the API by its contract; every answer is checked against it. */
export class ApiClient {
  constructor(private readonly settings: ClientSettings) {}

  async call<R extends Route>(route: R, input: CallInput<R>, signal?: AbortSignal): Promise<ResponseOf<R>> {
    const response = await this.send(route, input, { signal, timeoutMs: ANSWER_TIMEOUT_MS });
    const text = await readAll(response);
    if (route.response === undefined) return undefined as ResponseOf<R>;
    if (route.produces === 'text/plain') return text as ResponseOf<R>;
    const checked = route.response.safeParse(parseJson(text));
    if (checked.success) return checked.data as ResponseOf<R>;
    const [issue] = checked.error.issues;
    throw new CliError(
      EXIT.failed,
      `cannot read the answer to ${route.id}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
      'this CLI and the server may be of different versions',
    );
  }

  /**
   * The events of a stream, over lost connections and restarts of the server: it goes on after the last one seen. Ends
   * when the server says so, or when the signal aborts.
   */
  async *stream<R extends Route>(
    route: R,
    input: CallInput<R>,
    options: { signal: AbortSignal; onLost?: (reason: string) => void },
  ): AsyncGenerator<ResponseOf<R>> {
    const interrupted = () => options.signal.aborted;
    let lastId: string | undefined;
    for (let lost = 0; !interrupted(); lost++) {
      try {
        const response = await this.send(route, input, { signal: options.signal, lastId });
        for await (const event of readEvents(response)) {
          lost = 0;
          lastId = event.id ?? lastId;
          if (event.type === 'end') return;
          yield checkedEvent(route, event);
        }
        options.onLost?.('the server closed the stream');
      } catch (error) {
        if (interrupted()) return;
        if (!(error instanceof CliError) || error.code !== EXIT.unreachable) throw error;
        options.onLost?.(error.message);
      }
      await pause(RECONNECT_MS[Math.min(lost, RECONNECT_MS.length - 1)] ?? 1000, options.signal);
    }
  }

  /** Bytes from one of them on, as they come; their length is in the answer's headers. */
  async download<R extends Route>(
    route: R,
    input: CallInput<R>,
    from: number,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    const response = await this.send(route, input, { signal, timeoutMs: ANSWER_TIMEOUT_MS, from });
    if (from === 0 || response.statusCode === 206) return response;
    response.destroy();
    throw new CliError(EXIT.failed, `cannot go on with ${route.id} from byte ${from}: the server began anew`);
  }

  private send(
    route: Route,
    input: AnyInput,
    options: { signal?: AbortSignal; timeoutMs?: number; lastId?: string; from?: number },
  ): Promise<IncomingMessage> {
    const url = new URL(this.settings.url + pathOf(route, input.params ?? {}));
    for (const [name, value] of Object.entries(input.query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value));
    }
    const body = input.bytes ?? (input.body === undefined ? undefined : Buffer.from(JSON.stringify(input.body)));
    return this.exchange(url, body, {
      method: route.method,
      signal: options.signal,
      timeout: options.timeoutMs,
      ca: this.settings.authority ?? undefined,
      headers: {
        accept: `${route.produces ?? 'application/json'}, application/problem+json`,
        ...(this.settings.token === null ? {} : { authorization: `Bearer ${this.settings.token}` }),
        ...(body === undefined
          ? {}
          : { 'content-type': route.consumes ?? 'application/json', 'content-length': body.length }),
        ...(options.lastId === undefined ? {} : { 'last-event-id': options.lastId }),
        ...(options.from === undefined || options.from === 0 ? {} : { range: `bytes=${options.from}-` }),
      },
    });
  }

  private exchange(
    url: URL,
    body: Buffer | undefined,
    options: RequestOptions & { ca?: string },
  ): Promise<IncomingMessage> {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const request = send(url, options, (response) => {
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(response);
        else refusal(response).then(reject, reject);
      });
      request.once('timeout', () => request.destroy(new Error('no answer in time')));
      request.once('error', (error) => reject(unreachable(url, error)));
      request.end(body);
    });
  }
}

function pathOf(route: Route, params: Record<string, string>): string {
  return route.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}

async function refusal(response: IncomingMessage): Promise<CliError> {
  const text = await readAll(response).catch(() => '');
  const told = problem.safeParse(parseJson(text));
  if (!told.success) return new CliError(EXIT.failed, `the server answered ${response.statusCode ?? 0}`);
  const { type, detail, hint, details } = told.data;
  return new CliError(codeOfKind(type.split(':').at(-1) ?? ''), detail, hint, details);
}

function unreachable(url: URL, error: Error & { code?: string }): CliError {
  const certificate = /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO/.test(error.code ?? '');
  const hint = certificate
    ? 'name the authority of that server by MUSTER_CA_FILE (on it: <dataDir>/ca.pem)'
    : 'is it running (muster serve)? Another place is named by --api or MUSTER_API_URL';
  return new CliError(
    EXIT.unreachable,
    `cannot reach the API at ${url.origin}: ${error.message || (error.code ?? '')}`,
    hint,
  );
}

function checkedEvent<R extends Route>(route: R, event: ServerSentEvent): ResponseOf<R> {
  const data = parseJson(event.data);
  return (route.response === undefined ? data : route.response.parse(data)) as ResponseOf<R>;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
