import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import type { Clock } from '../clock.js';
import { HttpError, type OutgoingRequest } from './outgoing-request.js';

export interface DownloadOptions {
  sha256?: string;
  sizeBytes?: number;
  /** Never write more than this; by default `sizeBytes`, or 64 GiB. */
  maxBytes?: number;
  /** Tries in a row that bring nothing before giving up. */
  attempts?: number;
  onProgress?: (progress: { bytes: number; totalBytes: number | null }) => void;
  idleMs?: number;
  signal?: AbortSignal;
}

interface Seam {
  clock: Clock;
  open: (request: OutgoingRequest) => Promise<IncomingMessage>;
}

const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;
const DEFAULT_ATTEMPTS = 5;
const READ_BYTES = 1 << 20;

/** What a broken download left, and what is known of it so far. */
interface Partial {
  path: string;
  bytes: number;
  hash: Hash;
  /** The server's name of the version (RFC 9110, 13.1.5), for `If-Range`; null when it gave none. */
  validator: string | null;
  /** Whether some of it was fetched before this call or connection. */
  isResumed: boolean;
}

/**
 * Fetches to `path`. What a broken connection or an ended process left there is kept and gone on with (RFC 9110, 14.2),
 * if the server still has the same version. Throws when the whole has another hash or size than it should, and keeps
 * nothing then; throws {@link HttpError} when the server will not give it, and keeps what there is.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions,
  seam: Seam,
): Promise<{ sha256: string; sizeBytes: number }> {
  await mkdir(dirname(path), { recursive: true });
  const partial = await readPartial(path);
  if (partial.bytes > (options.sizeBytes ?? Infinity)) await startOver(partial);
  for (;;) {
    await fetchRest(url, partial, options, seam);
    const sha256 = partial.hash.copy().digest('hex');
    if (matches(sha256, partial.bytes, options)) {
      await rm(validatorPath(path), { force: true });
      return { sha256, sizeBytes: partial.bytes };
    }
    const problem = mismatch(url, sha256, partial.bytes, options);
    const { isResumed } = partial;
    await startOver(partial);
    // Two versions glued together may be to blame; a whole new download shows it.
    if (!isResumed) throw problem;
  }
}

async function fetchRest(url: string, partial: Partial, options: DownloadOptions, seam: Seam): Promise<void> {
  const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
  for (let failures = 0; ;) {
    if (options.sizeBytes !== undefined && partial.bytes === options.sizeBytes) return;
    const before = partial.bytes;
    try {
      await fetchOnce(url, partial, options, seam);
      return;
    } catch (error) {
      if (!(error instanceof HttpError) || !error.isTransient) throw error;
      failures = partial.bytes > before ? 1 : failures + 1;
      if (failures >= attempts) throw error;
      partial.isResumed = partial.bytes > 0;
      await seam.clock.sleep(1000 * 2 ** (failures - 1), options.signal);
    }
  }
}

async function fetchOnce(url: string, partial: Partial, options: DownloadOptions, seam: Seam): Promise<void> {
  const { idleMs, signal } = options;
  const response = await seam.open({ headers: rangeHeaders(partial, options), idleMs, signal });
  try {
    const remainingBytes = await accept(url, partial, response);
    const totalBytes = remainingBytes === null ? null : partial.bytes + remainingBytes;
    refuseTooLarge(url, totalBytes ?? partial.bytes, options);
    await rememberValidator(partial, response);
    await append(url, partial, response, totalBytes, options);
    if (totalBytes !== null && partial.bytes < totalBytes) throw brokenOff(url, partial.bytes, totalBytes);
  } finally {
    response.destroy();
  }
}

/** A part without a validator is only gone on with when a hash will tell whether the halves belong together. */
function rangeHeaders(partial: Partial, options: DownloadOptions): Record<string, string> {
  if (partial.bytes === 0 || (partial.validator === null && options.sha256 === undefined)) return {};
  const range = `bytes=${partial.bytes}-`;
  return partial.validator === null ? { range } : { range, 'if-range': partial.validator };
}

/** Makes the partial fit the answer: goes on, or starts over. Gives how many bytes are to come, null when not told. */
async function accept(url: string, partial: Partial, response: IncomingMessage): Promise<number | null> {
  const status = response.statusCode ?? 0;
  const length = response.headers['content-length'];
  const remainingBytes = length === undefined ? null : Number(length);
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity') throw new HttpError(`cannot fetch ${url}: it comes encoded as ${encoding}`, 406);
  if (status === 200) {
    if (partial.bytes > 0) await startOver(partial);
    return remainingBytes;
  }
  if (status === 206) {
    const from = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
    if (Number(from) === partial.bytes) return remainingBytes;
    await startOver(partial);
    throw new HttpError(`cannot fetch ${url}: the server sent another range than was asked for`, null);
  }
  if (status === 416 && partial.bytes > 0) {
    // What we have is as long as the server's file, or longer: another version.
    await startOver(partial);
    throw new HttpError(`cannot go on with ${url}: the server has less than was fetched before`, null);
  }
  throw new HttpError(`cannot fetch ${url}: the server answers ${status}`, status);
}

async function append(
  url: string,
  partial: Partial,
  response: IncomingMessage,
  totalBytes: number | null,
  options: DownloadOptions,
): Promise<void> {
  const file = await open(partial.path, 'a');
  try {
    // A write that failed half way, an earlier time, is not counted in the hash.
    await file.truncate(partial.bytes);
    for await (const chunk of readOn(url, partial, response, totalBytes, options.signal)) {
      refuseTooLarge(url, partial.bytes + chunk.length, options);
      await file.appendFile(chunk);
      partial.hash.update(chunk);
      partial.bytes += chunk.length;
      options.onProgress?.({ bytes: partial.bytes, totalBytes });
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The body, with the connection's errors (and only those) as {@link HttpError}. */
async function* readOn(
  url: string,
  partial: Partial,
  response: IncomingMessage,
  totalBytes: number | null,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const next = await chunks.next().catch((error: unknown) => {
      signal?.throwIfAborted();
      throw brokenOff(url, partial.bytes, totalBytes, error);
    });
    if (next.done === true) return;
    yield next.value;
  }
}

function refuseTooLarge(url: string, bytes: number, options: DownloadOptions): void {
  const maxBytes = options.maxBytes ?? options.sizeBytes ?? DEFAULT_MAX_BYTES;
  if (bytes > maxBytes) throw new HttpError(`cannot fetch ${url}: it has more than ${maxBytes} bytes`, 413);
}

function brokenOff(url: string, bytes: number, totalBytes: number | null, cause?: unknown): HttpError {
  const reason = cause === undefined ? 'the connection ended early' : messageOf(cause);
  return new HttpError(`cannot fetch ${url}: ${reason}, after ${bytes} of ${totalBytes ?? 'unknown'} bytes`, null, {
    cause,
  });
}

function matches(sha256: string, bytes: number, options: DownloadOptions): boolean {
  return (options.sha256 ?? sha256) === sha256 && (options.sizeBytes ?? bytes) === bytes;
}

function mismatch(url: string, sha256: string, bytes: number, options: DownloadOptions): MusterError {
  const message =
    options.sizeBytes !== undefined && options.sizeBytes !== bytes
      ? `cannot use ${url}: it has ${bytes} bytes, not ${options.sizeBytes}`
      : `cannot use ${url}: its SHA-256 is ${sha256}, not ${options.sha256 ?? ''}`;
  return new MusterError('invalid', message, { hint: 'the server or its mirror is out of step, or was tampered with' });
}

const validatorPath = (path: string) => `${path}.validator`;

async function readPartial(path: string): Promise<Partial> {
  const hash = createHash('sha256');
  const bytes = (await unlessMissing(stat(path)))?.size ?? 0;
  if (bytes > 0) {
    for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk as Buffer);
  }
  const validator = await unlessMissing(readFile(validatorPath(path), 'utf8'));
  return { path, bytes, hash, validator, isResumed: bytes > 0 };
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Only a strong entity tag or a date may stand in `If-Range` (RFC 9110, 13.1.5). */
async function rememberValidator(partial: Partial, response: IncomingMessage): Promise<void> {
  const { etag } = response.headers;
  const strong = etag !== undefined && !etag.startsWith('W/') ? etag : response.headers['last-modified'];
  partial.validator = strong ?? null;
  if (strong === undefined) await rm(validatorPath(partial.path), { force: true });
  else await writeFile(validatorPath(partial.path), strong);
}

async function startOver(partial: Partial): Promise<void> {
  await rm(partial.path, { force: true });
  await rm(validatorPath(partial.path), { force: true });
  partial.bytes = 0;
  partial.hash = createHash('sha256');
  partial.validator = null;
  partial.isResumed = false;
}
