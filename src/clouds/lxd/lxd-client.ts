import type { Readable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { MusterError, type ErrorKind } from '../../error.js';
import { exchange, placeOf, type LxdEndpoint, type LxdRequest, type LxdResponse } from './lxd-http.js';

/** What LXD answers to everything but file contents (its REST API, "Return values"). */
const envelope = z.object({
  type: z.enum(['sync', 'async', 'error']),
  error: z.string().default(''),
  error_code: z.number().default(0),
  operation: z.string().default(''),
  metadata: z.unknown(),
});

type Envelope = z.infer<typeof envelope>;

const operation = z.object({
  id: z.string(),
  status: z.string(),
  status_code: z.number(),
  err: z.string().default(''),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/** Below 200 an operation is still on its way; 200 is success (LXD's status codes). */
const SUCCESS = 200;
/** One wait at LXD; it answers at the end of this as well. */
const WAIT_SECONDS = 20;

const FILE_HELPER = 'forkfile.sock';
const FILE_TRIES = 20;
const FILE_PAUSE_MS = 250;

const KINDS: Record<number, ErrorKind> = {
  400: 'invalid',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  412: 'conflict',
};

export interface FileMode {
  uid?: number;
  gid?: number;
  /** `0600`. */
  mode?: string;
}

/** LXD's REST API within one project: answers are checked, operations are waited for. */
export class LxdClient {
  constructor(
    readonly endpoint: LxdEndpoint,
    private readonly project: string | null,
  ) {}

  /** The same server, another project. */
  within(project: string | null): LxdClient {
    return new LxdClient(this.endpoint, project);
  }

  async get<Schema extends z.ZodType>(path: string, schema: Schema, signal?: AbortSignal): Promise<z.infer<Schema>> {
    const { metadata } = await this.answer({ method: 'GET', path, signal });
    const read = schema.safeParse(metadata);
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    throw new MusterError('internal', `cannot read what LXD says of ${path}: ${issue?.message ?? ''}`);
  }

  async find<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    signal?: AbortSignal,
  ): Promise<z.infer<Schema> | null> {
    return this.get(path, schema, signal).catch(absentAsNull);
  }

  /** Changes something and waits until it is done; gives what the operation tells of its result. */
  async change(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body: object = {},
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const text = Buffer.from(JSON.stringify(body));
    const headers = { 'content-type': 'application/json', 'content-length': text.length };
    return this.done(await this.answer({ method, path, headers, body: text, signal }), signal);
  }

  /** Like {@link change}, for what is no JSON. */
  async upload(path: string, headers: LxdRequest['headers'], body: Readable | Buffer, signal?: AbortSignal) {
    return this.done(await this.answer({ method: 'POST', path, headers, body, signal, timeoutMs: 600_000 }), signal);
  }

  /** Deletes; nothing where it is gone already. */
  async delete(path: string, signal?: AbortSignal): Promise<void> {
    await this.change('DELETE', path, {}, signal).catch(absentAsNull);
  }

  /** Writes a file of a container, running or not; folders on the way must be there. */
  async putFile(instance: string, path: string, content: string | Buffer, how: FileMode = {}, signal?: AbortSignal) {
    const body = Buffer.from(content);
    const headers = {
      ...ownerOf(how, 'file'),
      'content-type': 'application/octet-stream',
      'content-length': body.length,
    };
    await this.answerOfFile({ method: 'POST', path: fileUrl(instance, path), headers, body, signal });
  }

  async makeFolder(instance: string, path: string, how: FileMode = {}, signal?: AbortSignal): Promise<void> {
    const headers = { ...ownerOf(how, 'directory'), 'content-length': 0 };
    await this.answerOfFile({ method: 'POST', path: fileUrl(instance, path), headers, signal });
  }

  async makeLink(instance: string, path: string, target: string, signal?: AbortSignal): Promise<void> {
    const body = Buffer.from(target);
    const headers = { ...ownerOf({}, 'symlink'), 'content-length': body.length };
    await this.answerOfFile({ method: 'POST', path: fileUrl(instance, path), headers, body, signal });
  }

  /** A file's content, or null where there is none. */
  async readFile(instance: string, path: string, signal?: AbortSignal): Promise<string | null> {
    const asked = { method: 'GET', path: fileUrl(instance, path), signal };
    const response = await this.exchangeFile(asked);
    if (response.status === 404) return null;
    if (response.status !== 200) throw this.refusal(response, asked.path);
    return response.body.toString('utf8');
  }

  /** What is no JSON: a log. */
  async text(path: string, signal?: AbortSignal): Promise<string> {
    const response = await this.exchange({ method: 'GET', path, signal });
    if (response.status !== 200) throw this.refusal(response, path);
    return response.body.toString('utf8');
  }

  private async done(answer: Envelope, signal?: AbortSignal): Promise<Record<string, unknown>> {
    if (answer.type === 'sync') return {};
    for (;;) {
      const path = `${answer.operation.split('?')[0] ?? ''}/wait?timeout=${WAIT_SECONDS}`;
      const state = await this.get(path, operation, signal);
      if (state.status_code < SUCCESS) continue;
      if (state.status_code === SUCCESS) return state.metadata ?? {};
      const kind = /not found/i.test(state.err) ? 'not-found' : 'internal';
      throw new MusterError(kind, `cannot go on: LXD says "${state.err}"`);
    }
  }

  private async answer(request: LxdRequest): Promise<Envelope> {
    return this.read(request, await this.exchange(request));
  }

  private async answerOfFile(request: LxdRequest): Promise<Envelope> {
    return this.read(request, await this.exchangeFile(request));
  }

  private read(request: LxdRequest, response: LxdResponse): Envelope {
    const read = envelope.safeParse(parseJson(response.body));
    if (read.success && read.data.type !== 'error') return read.data;
    throw this.refusal(response, request.path);
  }

  private refusal(response: LxdResponse, path: string): MusterError {
    const read = envelope.safeParse(parseJson(response.body)).data;
    const code = read?.error_code ?? response.status;
    const words = read === undefined ? `answers ${response.status}` : `says "${read.error}"`;
    const place = placeOf(this.endpoint);
    return new MusterError(
      KINDS[code] ?? 'internal',
      `cannot use ${path.split('?')[0] ?? ''} at ${place}: LXD ${words}`,
    );
  }

  /**
   * LXD leaves the files of a container to a helper that ends when it has nothing to do; asked at that moment, LXD finds its
   * socket gone. All that is asked about files may be asked again.
   */
  private async exchangeFile(request: LxdRequest): Promise<LxdResponse> {
    for (let tries = 1; ; tries += 1) {
      const response = await this.exchange(request);
      if (tries === FILE_TRIES || response.status !== 500 || !response.body.includes(FILE_HELPER)) return response;
      await setTimeout(FILE_PAUSE_MS, undefined, { signal: request.signal });
    }
  }

  private exchange(request: LxdRequest): Promise<LxdResponse> {
    const url = new URL(request.path, 'http://lxd');
    if (this.project !== null) url.searchParams.set('project', this.project);
    return exchange(this.endpoint, { ...request, path: url.pathname + url.search });
  }
}

function fileUrl(instance: string, path: string): string {
  return `/1.0/instances/${encodeURIComponent(instance)}/files?path=${encodeURIComponent(path)}`;
}

function ownerOf({ uid = 0, gid = 0, mode }: FileMode, type: 'file' | 'directory' | 'symlink') {
  const usual = type === 'directory' ? '0755' : '0644';
  return { 'x-lxd-uid': uid, 'x-lxd-gid': gid, 'x-lxd-mode': mode ?? usual, 'x-lxd-type': type };
}

function absentAsNull(error: unknown): null {
  if (error instanceof MusterError && error.kind === 'not-found') return null;
  throw error;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
